"""The failure table: what may go wrong between the observer and a machine, each row with the tests that show it."""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
LAB, MORE, PODMAN, SYSTEMD, BROKER = (
    f"lab/test_{name}.py" for name in ("observer", "failures", "podman", "systemd", "broker")
)
ENGINE, TLS, ONCE, LOOP = (
    "engines/test_engine.py",
    "engines/test_tls.py",
    "observer/test_once.py",
    "observer/test_loop.py",
)
WORD, ROLL, UNIT, STATE = (
    f"stages/test_{name}.py" for name in ("container_word", "roll_up", "unit_word", "node_state")
)
DEPLOYED, ATTRIBUTED, STARTS = (
    f"stages/test_{name}.py" for name in ("observed_deployment", "attribute", "count_starts")
)
GENERATIONS = "sources/test_generations.py"
BAD_ANSWER = f"{ENGINE}::test_a_bad_answer_has_a_class_and_nothing_escapes"
ONE_WORD = f"{WORD}::test_a_container_has_the_word_of_the_first_row_that_fits"

ROWS = {
    1: ("engine hung", f"{LAB}::test_a_hung_engine_times_out_at_the_deadline_while_others_are_seen"),
    2: ("engine killed", f"{LAB}::test_a_killed_engine_is_refused_and_comes_back"),
    3: ("engine restarting", f"{STATE}::test_silence_is_unreachable_after_three_failures_and_two_minutes"),
    4: (
        "engine back without live-restore",
        f"{MORE}::test_an_engine_that_comes_back_without_live_restore_shows_truthfully_what_it_ended",
    ),
    5: ("node cut", f"{LAB}::test_a_cut_node_times_out_keeps_its_services_and_heals"),
    6: ("node healed", f"{LAB}::test_a_cut_node_times_out_keeps_its_services_and_heals"),
    7: ("power off and on", f"{MORE}::test_a_node_without_power_is_silent_and_comes_back_as_it_is_found"),
    8: ("port closed", f"{ENGINE}::test_what_does_not_answer_on_the_network"),
    9: ("no such name", f"{MORE}::test_where_nothing_is_has_its_reason"),
    10: ("no route", f"{MORE}::test_where_nothing_is_has_its_reason"),
    11: (
        "socket without permission",
        f"{LAB}::test_why_ssh_does_not_lead_to_an_engine",
        f"{ENGINE}::test_a_socket_that_is_none",
    ),
    12: ("socket absent, or a plain file", f"{ENGINE}::test_a_socket_that_is_none"),
    13: (
        "TLS",
        f"{TLS}::test_a_certificate_that_is_not_the_servers",
        f"{TLS}::test_an_authority_that_is_not_known",
        f"{TLS}::test_our_certificate_is_refused",
    ),
    14: ("plain to TLS, TLS to plain", BAD_ANSWER, f"{TLS}::test_tls_to_a_plain_port_says_so"),
    15: (
        "host key unknown or changed",
        f"{MORE}::test_a_host_key_that_nobody_knows_is_hard",
        f"{LAB}::test_a_changed_host_key_is_hard_and_never_accepted",
    ),
    16: ("ssh key or user refused", f"{LAB}::test_why_ssh_does_not_lead_to_an_engine"),
    17: ("user not in the group docker", f"{LAB}::test_why_ssh_does_not_lead_to_an_engine"),
    18: (
        "socket forwarding forbidden",
        f"{LAB}::test_where_forwarding_is_forbidden_docker_dials_once_and_stays_connected",
        f"{LAB}::test_where_docker_cannot_dial_either_forbidden_forwarding_is_named",
    ),
    19: ("sshd down while the tunnel lives", f"{LAB}::test_sshd_that_is_gone_is_refused_only_when_the_tunnel_has_ended"),
    20: ("sshd hung", f"{MORE}::test_a_hung_sshd_times_out_within_seconds"),
    21: ("cut under a kept tunnel", f"{LAB}::test_a_cut_node_times_out_keeps_its_services_and_heals"),
    22: ("one connection a node", f"{MORE}::test_one_connection_is_kept_however_often_a_node_is_looked_at"),
    23: ("proxy: engine dead, hung, path denied", BAD_ANSWER),
    24: ("engine drips", f"{ENGINE}::test_an_engine_that_drips_ends_at_the_absolute_deadline"),
    25: ("garbage", BAD_ANSWER, f"{ENGINE}::test_a_list_that_is_none_is_protocol"),
    26: ("answer over 64 MiB", BAD_ANSWER, f"{ENGINE}::test_an_answer_that_grows_beyond_the_limit_is_not_read"),
    27: (
        "1,000 containers",
        f"{ENGINE}::test_a_thousand_containers",
        f"{ONCE}::test_a_thousand_containers_of_one_service_are_cut_at_fifty_with_their_count",
    ),
    28: (
        "removed between list and inspection",
        f"{ENGINE}::test_a_container_that_is_removed_between_list_and_inspection_is_left_out",
    ),
    29: ("one inspection hangs", f"{ENGINE}::test_a_hanging_inspection_makes_the_look_partial_and_rests"),
    30: ("odd labels", f"{ATTRIBUTED}::test_a_label_is_made_a_name_or_a_note"),
    31: (
        "a name in upper case with dots",
        f"{ATTRIBUTED}::test_a_name_in_upper_case_with_dots_is_found_by_the_inventorys_name",
    ),
    32: ("one-off fails", f"{WORD}::test_what_does_not_count_has_no_part"),
    33: (
        "one-shot exited 0",
        f"{WORD}::test_a_service_that_a_sibling_waits_for_is_a_job",
        f"{WORD}::test_the_note_on_exit_0_says_how_to_declare_a_job",
        ONE_WORD,
    ),
    34: (
        "one of several exited",
        f"{ROLL}::test_one_of_three_replicas_down_is_not_healthy",
        f"{ROLL}::test_one_of_a_projects_services_down_is_not_healthy",
    ),
    35: ("leftover of the slot", f"{WORD}::test_an_exited_leftover_of_the_slot_is_not_counted"),
    36: ("recreate by Compose", f"{LAB}::test_a_real_recreate_by_compose_is_one_deployment_and_never_bad"),
    37: ("down and up", f"{ONCE}::test_a_service_that_is_gone_is_kept_for_one_look"),
    38: (
        "new image: healthy, exits, never healthy",
        f"{DEPLOYED}::test_it_is_completed_when_all_is_good_and_settled",
        f"{DEPLOYED}::test_a_bad_word_fails_it",
        f"{DEPLOYED}::test_it_fails_after_the_deadline",
    ),
    39: (
        "restart by hand",
        f"{DEPLOYED}::test_a_change_of_containers_is_a_deployment",
        f"{STARTS}::test_starts_are_counted",
    ),
    40: ("killed again and again", f"{LAB}::test_a_container_killed_again_and_again_loops_though_it_runs"),
    41: ("exit 0 in a loop", f"{LAB}::test_health_states_and_ends_are_told_apart"),
    42: (
        "paused; health of what does not run",
        f"{LAB}::test_health_states_and_ends_are_told_apart",
        f"{WORD}::test_health_is_told_of_running_containers_and_exit_codes_of_the_others",
    ),
    43: ("health that nobody runs", f"{PODMAN}::test_podman_is_seen_with_its_health_its_ends_and_its_loops", ONE_WORD),
    44: ("out of memory", ONE_WORD),
    45: ("no such command", ONE_WORD),
    46: ("clock of a node 50 min off", f"{ONCE}::test_a_clock_that_is_50_min_off_is_an_incident_and_ages_are_right"),
    47: ("our host was suspended", f"{LOOP}::test_after_our_host_slept_failures_start_afresh_and_one_pass_is_quiet"),
    48: ("disk full", f"{GENERATIONS}::test_a_full_disk_leaves_the_last_generation_whole"),
    49: ("kill -9 in mid-write, 150 times", f"{GENERATIONS}::test_150_kills_in_mid_write_never_show_a_mix"),
    50: ("two observers", f"{ONCE}::test_a_second_observer_exits_with_4_and_says_who"),
    51: ("observer restarted", f"{ONCE}::test_what_exited_becomes_an_incident_by_the_second_look_and_ends_so"),
    52: ("its memory lost or torn", f"{ONCE}::test_a_lost_memory_is_read_back_from_the_world"),
    53: (
        "world unwritable, on a network disk, a link",
        f"{ONCE}::test_a_world_that_cannot_be_written_is_5",
        f"{ONCE}::test_a_world_on_a_network_disk_is_a_warning",
        f"{ONCE}::test_a_link_in_the_world_is_refused",
    ),
    54: (
        "secrets",
        f"{ONCE}::test_no_secret_reaches_a_file_of_the_world_or_the_state",
        f"{ENGINE}::test_nothing_secret_has_a_field",
    ),
    55: ("flood of events", f"{LOOP}::test_a_change_is_seen_at_once_where_the_engine_tells_of_events"),
    56: ("event stream cut", f"{LOOP}::test_a_stream_of_events_that_ends_is_a_look_and_is_opened_again"),
    57: (
        "Docker 29, 20.10, Podman",
        f"{ENGINE}::test_the_version_is_negotiated",
        f"{PODMAN}::test_a_paused_one_and_a_project_of_podmans_are_seen",
    ),
    58: (
        "node removed; not looked at yet",
        f"{ONCE}::test_what_left_the_inventory_is_dropped",
        f"{ONCE}::test_a_node_that_was_never_seen_is_unobservable",
    ),
    59: ("parts: old, repeated, from the future", f"{ONCE}::test_a_part_is_taken_once_and_dated_by_its_arrival"),
    60: ("two nodes, one engine", f"{ONCE}::test_two_nodes_with_one_engine_are_noted"),
    61: ("inventory of one node unreadable", f"{ONCE}::test_an_unreadable_inventory_keeps_the_names"),
    62: (
        "units",
        f"{SYSTEMD}::test_each_state_of_a_real_unit_has_its_word",
        f"{UNIT}::test_a_unit_has_the_word_of_the_first_row_that_fits",
    ),
    63: ("broker hung", f"{BROKER}::test_a_hung_broker_is_a_timeout_where_its_port_looks_open"),
    64: ("everything gone at once", f"{ONCE}::test_all_that_is_gone_at_once_is_written_as_it_is_and_noted"),
}  # fmt: skip


@cache
def _functions_of(file):
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_table_has_every_row():
    assert list(ROWS) == list(range(1, 65))


@pytest.mark.parametrize("row", ROWS, ids=[told[0] for told in ROWS.values()])
def test_a_row_is_shown_by_tests_that_are_there(row):
    _, *shown_by = ROWS[row]

    assert shown_by
    for file, _, name in (test.partition("::") for test in shown_by):
        assert name in _functions_of(file)
