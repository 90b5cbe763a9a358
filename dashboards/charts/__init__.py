"""Charts: pure functions from data frames to Plotly figures; they read no files.

The frames have the columns of `results.comparison` and of the three tables. Figures are for a light
background; `apply_theme(figure, dark=True)` changes them for a dark one. May import `results`,
`terminal` and what is below them. Begin with `tradeoff.py`.
"""

from dashboards.charts.agreement import agreement as agreement
from dashboards.charts.costs import computation as computation
from dashboards.charts.costs import sharing as sharing
from dashboards.charts.costs import storage as storage
from dashboards.charts.curves import average_accuracy as average_accuracy
from dashboards.charts.curves import forgetting as forgetting
from dashboards.charts.growth import growth as growth
from dashboards.charts.hyperparameters import parallel_coordinates as parallel_coordinates
from dashboards.charts.importances import importance as importance
from dashboards.charts.learning import learning_curves as learning_curves
from dashboards.charts.lineage import trial_graph as trial_graph
from dashboards.charts.matrix import r_matrix as r_matrix
from dashboards.charts.paired import differences as differences
from dashboards.charts.plane import cost_plane as cost_plane
from dashboards.charts.surface.accuracies import accuracies as accuracies
from dashboards.charts.surface.accuracies import all_accuracies as all_accuracies
from dashboards.charts.surface.budgets import compute_chart as compute_chart
from dashboards.charts.surface.budgets import storage_chart as storage_chart
from dashboards.charts.surface.prices import price_chart as price_chart
from dashboards.charts.surface.rates import rates as rates
from dashboards.charts.surface.winners import winners as winners
from dashboards.charts.theme import apply_theme as apply_theme
from dashboards.charts.tradeoff import trade_off as trade_off
