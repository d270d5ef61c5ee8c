"""The fields of ``lvm fullreport`` that are of use, by the names of prometheus-lvm-exporter.

Each: the report's field, the metric's name, what it means.
"""

from typing import NamedTuple


class Field(NamedTuple):
    """A field whose value is a number or, in the tables of texts, a label."""

    name: str
    metric: str
    text: str


class Group(NamedTuple):
    """A part of the report: the field that is its key, what its info metric says, its numbers and its texts."""

    key: str
    info: tuple[str, ...]
    numbers: tuple[Field, ...]
    texts: tuple[Field, ...] = ()


LOGICAL_VOLUMES = Group(
    "lv_uuid",
    ("lv_name", "lv_full_name"),
    (
        Field("lv_size", "lv_size_bytes", "Size of LV"),
        Field("lv_metadata_size", "lv_metadata_size_bytes",
              "For thin and cache pools, the size of the LV that holds the metadata"),
        Field("data_percent", "lv_data_percent",
              "For snapshot, cache and thin pools and volumes, the percentage full if LV is active"),
        Field("metadata_percent", "lv_metadata_percent",
              "For cache and thin pools, the percentage of metadata full if LV is active"),
        Field("snap_percent", "lv_snap_percent", "For snapshots, the percentage full if LV is active"),
        Field("sync_percent", "lv_sync_percent", "For Cache, RAID, mirrors and pvmove, current percentage in-sync"),
        Field("raid_mismatch_count", "lv_raid_mismatch_count", "For RAID, number of mismatches found or repaired"),
        Field("lv_image_synced", "lv_image_synced", "Set if mirror/RAID image is synchronized"),
        Field("lv_check_needed", "lv_check_needed",
              "For thin pools and cache volumes, whether metadata check is needed"),
        Field("lv_active_locally", "lv_active_locally", "Set if the LV is active locally"),
        Field("lv_device_open", "lv_device_open", "Set if LV device is open"),
        Field("lv_suspended", "lv_suspended", "Set if LV is suspended"),
        Field("lv_snapshot_invalid", "lv_snapshot_invalid", "Set if snapshot LV is invalid"),
        Field("lv_merge_failed", "lv_merge_failed", "Set if snapshot merge failed"),
        Field("cache_total_blocks", "lv_cache_total_blocks", "Total cache blocks"),
        Field("cache_used_blocks", "lv_cache_used_blocks", "Used cache blocks"),
        Field("cache_dirty_blocks", "lv_cache_dirty_blocks", "Dirty cache blocks"),
        Field("integritymismatches", "lv_integritymismatches", "The number of integrity mismatches"),
        Field("writecache_error", "lv_writecache_error", "Total writecache errors"),
    ),
    (
        Field("lv_health_status", "lv_health_status", "LV health status"),
        Field("lv_when_full", "lv_when_full", "For thin pools, behavior when full"),
        Field("lv_layout", "lv_layout", "LV layout"),
        Field("raid_sync_action", "lv_raid_sync_action",
              "For RAID, the current synchronization action being performed"),
    ),
)  # fmt: skip

VOLUME_GROUPS = Group(
    "vg_uuid",
    ("vg_name",),
    (
        Field("vg_size", "vg_size_bytes", "Total size of VG in bytes"),
        Field("vg_free", "vg_free_bytes", "Total amount of free space in bytes"),
        Field("vg_extent_size", "vg_extent_size_bytes", "Size of Physical Extents"),
        Field("vg_extent_count", "vg_extent_count", "Total number of Physical Extents"),
        Field("vg_free_count", "vg_free_count", "Total number of unallocated Physical Extents"),
        Field("vg_mda_free", "vg_mda_free_bytes", "Free metadata area space for this VG"),
        Field("vg_mda_size", "vg_mda_size_bytes", "Size of smallest metadata area for this VG"),
        Field("vg_missing_pv_count", "vg_missing_pv_count", "Number of PVs in VG which are missing"),
        Field("vg_partial", "vg_partial", "Set if VG is partial"),
        Field("vg_exported", "vg_exported", "Set if VG is exported"),
        Field("pv_count", "vg_pv_count", "Number of PVs in VG"),
        Field("lv_count", "vg_lv_count", "Number of LVs"),
        Field("snap_count", "vg_snap_count", "Number of snapshots"),
        Field("vg_seqno", "vg_seqno", "Revision number of internal metadata"),
    ),
    (Field("vg_permissions", "vg_permissions", "VG permissions"),),
)

PHYSICAL_VOLUMES = Group(
    "pv_uuid",
    ("pv_name",),
    (
        Field("pv_size", "pv_size_bytes", "Size of PV"),
        Field("pv_free", "pv_free_bytes", "Total amount of unallocated space"),
        Field("pv_used", "pv_used", "Total amount of allocated space"),
        Field("dev_size", "pv_dev_size_bytes", "Size of underlying device"),
        Field("pv_missing", "pv_missing", "Set if this device is missing in system"),
        Field("pv_allocatable", "pv_allocatable", "Set if this device can be used for allocation"),
        Field("pv_duplicate", "pv_duplicate", "Set if PV is an unchosen duplicate"),
        Field("pv_in_use", "pv_in_use", "Set if PV is used"),
        Field("pv_mda_free", "pv_mda_free_bytes", "Free metadata area space"),
    ),
)

# In the report's own names.
GROUPS = {"vg": VOLUME_GROUPS, "pv": PHYSICAL_VOLUMES, "lv": LOGICAL_VOLUMES}
