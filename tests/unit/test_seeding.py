"""Randomness: a stream for each purpose, the same for the same, and nothing left behind."""

import pytest
import torch

from orchestrator.seeding import derive_seed, seed_global_generators, stream


def draw(generator: torch.Generator) -> list[float]:
    return torch.rand(4, generator=generator).tolist()


def test_seeds_are_those_of_every_earlier_version():
    assert derive_seed(0, 1, "data order") == 5892723245180022908
    assert derive_seed(7) == 7427617393453992366


def test_the_same_seed_task_and_purpose_give_the_same_stream():
    assert draw(stream(3, 1, "memory")) == draw(stream(3, 1, "memory"))


@pytest.mark.parametrize(
    "other",
    [(4, 1, "memory"), (3, 2, "memory"), (3, 1, "replay"), (3, "memory", 1), (3, 1), (3, 11)],
)
def test_another_seed_task_or_purpose_gives_another_stream(other):
    assert draw(stream(3, 1, "memory")) != draw(stream(*other))


def test_nearby_seeds_give_unrelated_streams():
    bits = torch.tensor(
        [[derive_seed(seed) >> bit & 1 for bit in range(63)] for seed in range(512)]
    )
    # 512 fair coins for each bit: 256 heads, standard deviation 11.3; six of those either way.
    assert ((bits.sum(0) - 256).abs() < 68).all()


def test_a_derived_seed_fits_63_bits_and_so_every_generator():
    assert all(0 <= derive_seed(seed, "x") < 2**63 for seed in range(200))


def test_a_stream_neither_reads_nor_moves_the_global_generator():
    torch.rand(3)
    before = torch.random.get_rng_state()
    first = draw(stream(0, "x"))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(3)
    assert draw(stream(0, "x")) == first


def test_inside_ambient_the_global_generator_depends_on_the_seed_alone():
    def draw_numbers(seed: int) -> list[float]:
        with seed_global_generators(seed):
            return torch.rand(3).tolist()

    assert draw_numbers(1) == draw_numbers(1)
    assert draw_numbers(1) != draw_numbers(2)


def test_ambient_puts_the_global_generator_back_even_after_an_error():
    before = torch.random.get_rng_state()
    with pytest.raises(ZeroDivisionError), seed_global_generators(5):
        _ = torch.rand(10) / (1 // 0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_ambient_blocks_nest():
    with seed_global_generators(1):
        torch.rand(2)
        expected = torch.rand(2).tolist()
    with seed_global_generators(1):
        torch.rand(2)
        with seed_global_generators(2):
            torch.rand(7)
        assert torch.rand(2).tolist() == expected
