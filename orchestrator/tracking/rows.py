"""Rows of the tables by trial and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CHAIN_KEY = ["trial_id", "seed"]

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Rows:
    """Columns of a table, sorted by (trial, seed) so that the rows of each are a slice."""

    columns: Mapping[str, NDArray[Any]]
    starts: NDArray[np.intp]

    @staticmethod
    def from_table(table: pd.DataFrame, chains: pd.MultiIndex, columns: Sequence[str]) -> Rows:
        """Sort the rows of a table by the position of their (trial, seed) in `chains`."""
        place = chains.get_indexer(pd.MultiIndex.from_frame(table[CHAIN_KEY]))
        order = np.argsort(place, kind="stable")
        # Rows of no chain have place -1, and are before the first slice.
        starts = np.searchsorted(place[order], np.arange(len(chains) + 1))
        return Rows({name: table[name].to_numpy()[order] for name in columns}, starts)

    def rows_of_chain(self, chain: int) -> Columns:
        """Return the columns of the (trial, seed) at a position."""
        rows = slice(self.starts[chain], self.starts[chain + 1])
        return {name: column[rows] for name, column in self.columns.items()}


@dataclass(frozen=True)
class SeedRows:
    """The row of one (trial, seed) in the trials table, and its columns of the other two."""

    trial: Mapping[Any, Any]
    accuracy: Columns
    stages: Columns
