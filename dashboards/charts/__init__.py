"""Charts: pure functions from data frames to Plotly figures; they read no file, compute no metric.

The frames have the columns of `results.comparison` and of the three tables. A figure
is drawn for light paper; `themed(figure, dark=True)` turns it for dark. Each says so in words where
it is given nothing to draw.
"""

from dashboards.charts.costs import computation as computation
from dashboards.charts.costs import sharing as sharing
from dashboards.charts.costs import storage as storage
from dashboards.charts.curves import forgetting as forgetting
from dashboards.charts.learning import learning_curves as learning_curves
from dashboards.charts.lineage import trial_graph as trial_graph
from dashboards.charts.matrix import r_matrix as r_matrix
from dashboards.charts.paired import differences as differences
from dashboards.charts.searching import importance as importance
from dashboards.charts.searching import parallel as parallel
from dashboards.charts.theme import themed as themed
from dashboards.charts.tradeoff import trade_off as trade_off
