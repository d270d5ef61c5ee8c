"""What others do, on the same seeds: the decision logic of seven systems behind one plain judge."""
