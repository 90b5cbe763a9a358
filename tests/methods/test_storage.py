"""What each method keeps from one task to the next, to the byte, on the networks sweeps name."""

from __future__ import annotations

import pytest
from full_size import CLASSES, COUNTS, NUM_TASKS, PER_CLASS, build, build_and_learn, view

from methods import METHODS
from orchestrator.stages.costs import raw_data_bytes, storage_bytes

ROWS = 20  # of 60 examples met
IMAGES = {name: count.pixels + 1 for name, count in COUNTS.items()}  # a byte a pixel, and a label
NETWORKS = sorted(COUNTS)
LEARNING = ["mlp", pytest.param("resnet18", marks=pytest.mark.variant)]
ISOLATING = ("hat", "pnn", "continual_backprop")  # take linear layers apart


def extra(method):
    """Bytes by category of a method, beside those of its network."""
    sizes = storage_bytes(method.state_dict(), method.storage)
    sizes = {category: size for category, size in sizes.items() if size}
    count = COUNTS["mlp" if method.outlook.input_shape[0] == 1 else "resnet18"]
    assert sizes.pop("model") == count.carried
    return sizes


def test_the_networks_have_the_parameters_of_the_table():
    assert COUNTS["mlp"].parameters == 478_410
    assert COUNTS["mlp"].carried == 1_913_640
    for network, count in COUNTS.items():
        assert sum(p.numel() for p in build("finetune", network).parameters()) == count.parameters


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("method", "importances"), [("l2", 0), ("si", 1), ("mas", 1), ("rwalk", 2), ("ewc", 1)]
)
@pytest.mark.parametrize("penalise_head", [True, False])
def test_penalties_keep_an_importance_of_each_parameter_that_they_hold(
    network, method, importances, penalise_head
):
    count = COUNTS[network]
    values = 4 * (count.parameters - (0 if penalise_head else count.head))
    kept_bytes = extra(build(method, network, NUM_TASKS, penalise_head=penalise_head))
    assert kept_bytes == ({"importance": importances * values} if importances else {})


@pytest.mark.parametrize("network", NETWORKS)
def test_ewc_offline_keeps_them_of_every_task_and_the_anchors_of_all_but_the_last(network):
    kept_bytes = extra(build("ewc", network, NUM_TASKS, mode="offline", penalise_head=True))
    values = 4 * COUNTS[network].parameters
    expected = {"anchor": (NUM_TASKS - 1) * values, "importance": NUM_TASKS * values}
    assert kept_bytes == expected


@pytest.mark.parametrize("network", NETWORKS)
def test_lwf_keeps_a_byte_for_each_class(network):
    assert extra(build("lwf", network, NUM_TASKS)) == {"teacher": CLASSES}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("method", ["finetune", "freeze", "cumulative", "joint", "shrink_perturb"])
def test_references_keep_the_network_alone(network, method):
    assert extra(build(method, network, NUM_TASKS)) == {}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("method", ["cumulative", "joint"])
def test_the_upper_bounds_keep_every_example_seen(network, method):
    seen = view(1, network).examples + view(2, network).examples
    assert raw_data_bytes(build(method, network), seen) == 4 * PER_CLASS * IMAGES[network]


COUNTER, LOGITS = 8, 4 * CLASSES
REHEARSAL = {
    ("er", "reservoir"): lambda row: ROWS * row + COUNTER,
    ("er", "class_balanced"): lambda row: ROWS * row,
    ("er", "ring"): lambda row: ROWS * row + NUM_TASKS * COUNTER,
    ("er_ace", "reservoir"): lambda row: ROWS * row + COUNTER,
    ("mir", "class_balanced"): lambda row: ROWS * row,
    ("der", None): lambda row: ROWS * (row + LOGITS) + COUNTER,
    ("derpp", None): lambda row: ROWS * (row + LOGITS) + COUNTER,
    ("gem", None): lambda row: ROWS * row + NUM_TASKS * COUNTER,
    ("agem", "class_balanced"): lambda row: ROWS * row,
    ("agem", "ring"): lambda row: ROWS * row + NUM_TASKS * COUNTER,
    ("gdumb", None): lambda row: ROWS * row,
    ("wa", None): lambda row: ROWS * row,
}


@pytest.mark.parametrize("network", LEARNING)
@pytest.mark.parametrize(("method", "policy"), REHEARSAL)
def test_rehearsal_keeps_its_examples_and_what_goes_with_them(network, method, policy):
    config = {} if policy is None else {"policy": policy}
    kept_bytes = extra(build_and_learn(method, network, memory_size=ROWS, **config))
    assert kept_bytes == {"buffer": REHEARSAL[method, policy](IMAGES[network])}


@pytest.mark.parametrize("network", LEARNING)
def test_icarl_keeps_exemplars_and_their_means(network):
    kept_bytes = extra(build_and_learn("icarl", network, memory_size=ROWS))
    means = 4 * CLASSES * COUNTS[network].features
    assert kept_bytes == {"buffer": ROWS * IMAGES[network] + means}


@pytest.mark.parametrize("network", ["mlp"])
def test_lucir_keeps_exemplars_and_a_scale_in_place_of_biases(network):
    method = build_and_learn("lucir", network, memory_size=ROWS)
    sizes = storage_bytes(method.state_dict(), method.storage)
    assert sizes["model"] == COUNTS[network].carried + 4 * (1 - CLASSES)
    assert sizes["buffer"] == ROWS * IMAGES[network]


@pytest.mark.parametrize("network", ["mlp"])
def test_bic_keeps_exemplars_examples_held_out_and_two_numbers(network):
    # A class holds out at least one of its few examples.
    method = build_and_learn(
        "bic", network, memory_size=ROWS, held_out_share=0.25, correction_epochs=1
    )
    sizes = storage_bytes(method.state_dict(), method.storage)
    assert sizes["model"] == COUNTS[network].carried + 2 * 4
    assert len(method.held_out.y) in range(1, ROWS // 4 + 1)
    assert sizes["buffer"] == (len(method.memory.y) + len(method.held_out.y)) * IMAGES[network]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("num_labels", [0, CLASSES])
def test_generative_replay_keeps_a_generator_and_a_byte_for_each_class(network, num_labels):
    pixels = COUNTS[network].pixels
    widths = [
        (pixels, 400),
        (400, 400),
        (400, 64),
        (32 + num_labels, 400),
        (400, 400),
        (400, pixels),
    ]
    kept_bytes = extra(build("generative_replay", network, NUM_TASKS, conditional=bool(num_labels)))
    assert kept_bytes == {"generator": 4 * sum(a * b + b for a, b in widths) + CLASSES}


@pytest.mark.parametrize("network", NETWORKS)
def test_independent_networks_are_kept_whole(network):
    finished = (NUM_TASKS - 1) * COUNTS[network].carried
    assert extra(build("independent", network, NUM_TASKS)) == {"columns": finished}


@pytest.mark.parametrize("network", NETWORKS)
def test_packnet_keeps_a_byte_for_each_weight_below_the_head(network):
    assert extra(build("packnet", network, NUM_TASKS)) == {"importance": COUNTS[network].weights}


def test_hat_keeps_a_number_for_each_hidden_unit_and_task():
    assert extra(build("hat", "mlp", NUM_TASKS)) == {"importance": 4 * NUM_TASKS * (400 + 400)}


def test_continual_backprop_keeps_utility_and_age_of_hidden_units_and_a_count_for_each_layer():
    method = build("continual_backprop", "mlp", NUM_TASKS)
    assert extra(method) == {"importance": (4 + 4) * (400 + 400) + 2 * 8}


def test_progressive_networks_keep_all_columns_and_their_laterals():
    columns = (NUM_TASKS - 1) * COUNTS["mlp"].carried
    # From k older columns into both layers above the first: a scale for each, V and U.
    laterals = [
        k + k * 400 * 400 + 400 * above for k in range(1, NUM_TASKS) for above in (400, CLASSES)
    ]
    assert extra(build("pnn", "mlp", NUM_TASKS)) == {"columns": columns + 4 * sum(laterals)}


@pytest.mark.parametrize("method", ISOLATING)
def test_what_takes_layers_apart_says_so_of_a_resnet(method):
    with pytest.raises(ValueError, match="ResNet18 is no chain of layers"):
        build(method, "resnet18")


# Their network has no output layer.
BODY = COUNTS["mlp"].carried - 4 * COUNTS["mlp"].head
FEATURES = COUNTS["mlp"].features
MEANS = CLASSES * (4 * FEATURES + COUNTER)
TRIANGLE = FEATURES * (FEATURES + 1) // 2
FIXED = {
    "ncm": ({}, MEANS, 0),
    # A triangle of the covariance, and weights and biases.
    "slda": ({}, MEANS + 4 * (TRIANGLE + CLASSES * (FEATURES + 1)), 0),
    # P, a triangle of G, Q and W.
    "ranpac": (
        {"projection": 50},
        4 * (50 * FEATURES + 50 * 51 // 2 + 2 * CLASSES * 50) + CLASSES * COUNTER,
        0,
    ),
    "fecam": ({}, MEANS + 4 * CLASSES * (TRIANGLE + FEATURES), 0),
    # Features, a byte for a label, and two for the task of a class.
    "knn": ({"memory_size": ROWS}, 0, ROWS * (4 * FEATURES + 1) + 2 * CLASSES),
}


@pytest.mark.parametrize("method", FIXED)
def test_methods_on_fixed_features_keep_statistics_in_place_of_a_head(method):
    config, model, buffer = FIXED[method]
    built_method = build_and_learn(method, "mlp", **config)
    sizes = storage_bytes(built_method.state_dict(), built_method.storage)
    assert (sizes["model"], sizes.get("buffer", 0)) == (BODY + model, buffer)


def test_no_method_is_left_out():
    penalties = {"l2", "si", "mas", "rwalk", "ewc", "lwf"}
    references = {"shrink_perturb", "finetune", "freeze", "cumulative", "joint", "independent"}
    others = {"icarl", "bic", "lucir", "gpm", "generative_replay", "packnet", *ISOLATING}
    # Counted by hand in the tests of each.
    elsewhere = {"der_expand", "memo", "podnet", "progress_compress"}
    elsewhere |= {"l2p", "coda_prompt", "lora", "slca"}
    assert METHODS.keys() - FIXED.keys() - elsewhere == penalties | references | others | {
        name for name, _ in REHEARSAL
    }
