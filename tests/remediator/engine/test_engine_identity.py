"""Another identity under a known name: kept at the door, cordoned, until a person says what it is."""

from dataclasses import replace

import pytest

from remediator.engine.evidence.identity import CLAIMED, Word, answered, claimed, contradiction, newborn
from remediator.model.host import Fence, Identity, Life
from tests.remediator.builders import NOON, SECOND, dead, host, proved

OLD = Identity("u-1", "key-1", "data-1")
OTHER = Identity("u-2", "key-1", "data-1")


def test_only_fields_that_both_can_read_contradict() -> None:
    known = host(identity=OLD)
    assert contradiction(known, OTHER) == "chassis"
    assert contradiction(known, Identity("u-2", "key-2", "data-2")) == "chassis, agent key, data directory"
    assert contradiction(known, Identity("", "key-1", "")) == ""
    assert contradiction(host(identity=Identity()), OTHER) == ""


def test_a_field_that_could_not_be_read_stands_as_it_was() -> None:
    assert OLD.told(Identity("", "key-1", "")) == OLD
    assert Identity().told(OLD) == OLD


def test_a_claim_cordons_and_changes_nothing_else() -> None:
    known = host(identity=OLD)
    found = claimed(known, OTHER, NOON)
    assert (found.identity_claim, found.claimed_at, found.cordoned) == (OTHER, NOON, CLAIMED)
    assert replace(found, identity_claim=None, claimed_at=None, cordoned="") == known
    again = claimed(found, OTHER, NOON + SECOND)
    assert again == found
    # A third one stands there from when it came.
    third = claimed(found, Identity("u-3", "", ""), NOON + SECOND)
    assert (third.identity_claim, third.claimed_at) == (Identity("u-3", "", ""), NOON + SECOND)
    assert claimed(replace(known, cordoned="host_wedged"), OTHER, NOON).cordoned == "host_wedged"


@pytest.mark.parametrize("word", list(Word))
def test_a_persons_word_lets_the_other_in(word: Word) -> None:
    found = answered(claimed(host(identity=OLD), OTHER, NOON), word, "ada", NOON)
    assert (found.identity, found.identity_claim, found.cordoned) == (OTHER, None, "")
    assert not contradiction(found, OTHER)
    # Whatever it says of its boot, its first hello is a return.
    assert (found.boot_id, found.claimed_at) == (f"{word} by ada", None)


def test_replaced_attests_that_the_old_one_is_gone_and_renamed_does_not() -> None:
    lost = claimed(dead(identity=OLD), Identity("u-2", "", ""), NOON)
    gone = answered(lost, Word.REPLACED, "ada", NOON)
    assert (gone.fence, gone.fence_by, gone.identity) == (Fence.PROVED, "ada: replaced", Identity("u-2", "", ""))
    assert gone.fence_at == NOON
    # One that lives loses nothing by that word; whoever proved it before, it is proved by a person now.
    assert answered(replace(lost, life=Life.SUSPECT), Word.REPLACED, "ada", NOON).fence is Fence.NONE
    off = answered(proved(lost), Word.REPLACED, "ada", NOON + SECOND)
    assert (off.fence_by, off.fence_at) == ("ada: replaced", NOON + SECOND)
    same = answered(lost, Word.RENAMED, "ada", NOON)
    assert (same.fence, same.identity) == (Fence.NONE, Identity("u-2", "key-1", "data-1"))


def test_a_cordon_of_others_outlives_the_answer() -> None:
    held = claimed(host(identity=OLD, cordoned="host_wedged"), OTHER, NOON)
    assert answered(held, Word.RENAMED, "ada", NOON).cordoned == "host_wedged"


def test_there_is_nothing_to_answer_where_nobody_stands_at_the_door() -> None:
    with pytest.raises(ValueError, match="no other identity"):
        answered(host(), Word.REPLACED, "ada", NOON)


def test_a_retired_name_is_free_for_another_identity_and_for_no_other_reason() -> None:
    gone = host(identity=OLD, life=Life.RETIRED)
    assert newborn(None, OTHER)
    assert newborn(gone, OTHER)
    assert not newborn(gone, OLD)
    assert not newborn(host(identity=OLD), OTHER)
