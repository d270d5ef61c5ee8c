"""One page per job with every metric that dashboards may use: what the exporters publish, in miniature.

A counter's value is the number of the scrape, so that it grows; a gauge is 1.
"""

HOST = """
node_boot_time_seconds
node_cpu_seconds_total{cpu="0",mode="idle"}
node_cpu_seconds_total{cpu="0",mode="user"}
node_disk_io_time_seconds_total{device="vda"}
node_disk_read_bytes_total{device="vda"}
node_disk_reads_completed_total{device="vda"}
node_disk_writes_completed_total{device="vda"}
node_disk_written_bytes_total{device="vda"}
node_filesystem_avail_bytes{mountpoint="/disk",device="/dev/loop0",fstype="ext4"}
node_filesystem_files_free{mountpoint="/disk",device="/dev/loop0",fstype="ext4"}
node_filesystem_files{mountpoint="/disk",device="/dev/loop0",fstype="ext4"}
node_filesystem_size_bytes{mountpoint="/disk",device="/dev/loop0",fstype="ext4"}
node_load1
node_load15
node_load5
node_memory_MemAvailable_bytes
node_memory_MemTotal_bytes
node_network_receive_bytes_total{device="eth0"}
node_network_receive_drop_total{device="eth0"}
node_network_receive_errs_total{device="eth0"}
node_network_transmit_bytes_total{device="eth0"}
node_network_transmit_drop_total{device="eth0"}
node_network_transmit_errs_total{device="eth0"}
node_pressure_cpu_waiting_seconds_total
node_pressure_io_stalled_seconds_total
node_pressure_io_waiting_seconds_total
node_pressure_memory_stalled_seconds_total
node_pressure_memory_waiting_seconds_total
node_procs_blocked
fleetmend_blocked_task_oldest_seconds
fleetmend_blocked_tasks{comm="dd",wchan="io_schedule"}
fleetmend_heartbeat_timestamp_seconds
fleetmend_scrape_collector_state{collector="cpu",state="ok"}
fleetmend_scrape_collector_state{collector="cpu",state="stuck"}
"""

PROBE = """
probe_duration_seconds{host="h1",region="arn",rack="r1"}
probe_outcome{host="h1",region="arn",rack="r1",outcome="ok"}
probe_outcome{host="h1",region="arn",rack="r1",outcome="silent"}
probe_outcome{host="h1",region="arn",rack="r1",outcome="refused"}
probe_outcome{host="h1",region="arn",rack="r1",outcome="reset"}
probe_outcome{host="h1",region="arn",rack="r1",outcome="wrong_answer"}
probe_outcome{host="h1",region="arn",rack="r1",outcome="error_here"}
"""

ORCHESTRATOR = """
host_inventory_info{host="h1",region="arn",rack="r1",role="worker",provider="embedded"}
fleetmend_host_status{host="h1",region="arn",rack="r1",status="ok"}
fleetmend_host_status{host="h1",region="arn",rack="r1",status="unknown"}
fleetmend_host_status{host="h1",region="arn",rack="r1",status="unreachable"}
fleetmend_host_life{host="h1",region="arn",rack="r1",life="healthy"}
fleetmend_host_life{host="h1",region="arn",rack="r1",life="suspect"}
fleetmend_host_life{host="h1",region="arn",rack="r1",life="dead"}
fleetmend_host_life{host="h1",region="arn",rack="r1",life="returning"}
fleetmend_host_life{host="h1",region="arn",rack="r1",life="probation"}
fleetmend_host_life{host="h1",region="arn",rack="r1",life="retired"}
fleetmend_host_cordoned{host="h1",region="arn",rack="r1"}
fleetmend_hosts{region="arn",status="ok"}
fleetmend_machines{host="h1",region="arn",app="web",state="started"}
fleetmend_machines_recovery{region="arn",recovery="serving"}
fleetmend_volumes{host="h1",region="arn",state="created"}
fleetmend_region_capacity_cpus{region="arn"}
fleetmend_region_capacity_disk_bytes{region="arn"}
fleetmend_region_capacity_memory_bytes{region="arn"}
fleetmend_region_free_cpus{region="arn"}
fleetmend_region_free_disk_bytes{region="arn"}
fleetmend_region_free_memory_bytes{region="arn"}
fleetmend_region_largest_free_memory_bytes{region="arn"}
fleetmend_placement_unmet{region="arn"}
fleetmend_api_requests_total{operation="machines.list",version="0.1.0",code="200"}
fleetmend_api_request_duration_seconds_sum{operation="machines.list",version="0.1.0"}
fleetmend_api_request_duration_seconds_count{operation="machines.list",version="0.1.0"}
fleetmend_deploy_timestamp_seconds{version="0.1.0"}
fleetmend_destroy_backlog{host="h1",region="arn"}
fleetmend_destroy_oldest_age_seconds{host="h1",region="arn"}
fleetmend_undead_machines{host="h1",region="arn"}
fleetmend_undead_seconds_total{host="h1",region="arn"}
fleetmend_migrations{region="arn",state="moving"}
fleetmend_bursts{region="arn",state="asked"}
"""

REMEDIATOR = """
ALERTS{alertname="HostDead",alertstate="firing",host="h1",region="arn",rack="r1"}
fleetmend_agents_connected
fleetmend_decisions_total{playbook="host_dead",action="recreate",outcome="act"}
fleetmend_frozen
fleetmend_gate_open
fleetmend_holds{playbook="host_dead",reason="StoreStale"}
fleetmend_operations_open
fleetmend_rule_evaluation_failures_total{group="host_liveness"}
fleetmend_rule_group_iterations_missed_total{group="host_liveness"}
fleetmend_store_canary_seconds
fleetmend_vantages_reporting
fleetmend_verdict{host="h1",region="arn",rack="r1",verdict="alive"}
"""

PAGES = {"host": HOST, "probe": PROBE, "orchestrator": ORCHESTRATOR, "remediator": REMEDIATOR}
TARGET_LABELS = {
    "host": {"host": "h1", "region": "arn", "rack": "r1"},
    "probe": {"vantage": "p-r1", "vantage_region": "arn", "vantage_rack": "r1"},
    "orchestrator": {},
    "remediator": {},
}
COUNTER_ENDINGS = ("_total", "_sum", "_count")


def metric_name(line: str) -> str:
    return line.partition("{")[0]


def metric_names() -> set[str]:
    """All names of all pages, and the one that every store adds."""
    return {metric_name(line) for page in PAGES.values() for line in page.split()} | {"up"}


def page(job: str, scrape: int) -> str:
    """The page of a job as its ``scrape``-th reader sees it."""
    values = {True: scrape, False: 1}
    return "".join(f"{line} {values[metric_name(line).endswith(COUNTER_ENDINGS)]}\n" for line in PAGES[job].split())
