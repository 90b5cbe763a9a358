"""The sweeps of a storm, and the module of their methods."""

SWEEP = """\
name: storm
benchmark: {name: split_digits, scenario: class, num_tasks: 5, samples_per_task: 40}
network: {name: mlp, hidden: [16]}
training: {batch_size: 20, epochs: 1}
methods:
  - "noted:Plain"
  - {name: "noted:Held", lam: {grid: [1, 100]}}
  - {name: "noted:Replayed", memory_size: 20}
seeds: [0, 1]
"""
SEARCH = """\
name: storm
benchmark: {name: split_digits, scenario: class, num_tasks: 5, samples_per_task: 40}
network: {name: mlp, hidden: [16]}
training: {batch_size: 20, epochs: 1}
methods:
  - {name: "noted:Held", lam: {loguniform: [1, 100]}}
  - "noted:Plain"
seeds: [0, 1]
search: {algorithm: random, num_trials: 4}
"""
NOTED = '''\
"""Built-in methods that note each training in a file, and take time."""
import hashlib, os, time
from methods.er import ER
from methods.ewc import EWC
from methods.finetune import Finetune


class Noting:
    def begin_task(self, task):
        super().begin_task(task)
        # The first stage is the same for all strengths, so one of them computes it.
        config = self.config if task.index > 1 else None
        digest = hashlib.sha256(repr((type(self).__name__, config, task.index)).encode())
        for name, value in sorted(self.state_dict().items()):
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        self._digest = digest.hexdigest()
        self._note("begin")
        take_memory()
        time.sleep(float(os.environ.get("STORM_SECONDS", "0")))

    def end_task(self, task):
        super().end_task(task)
        self._note("end")

    def _note(self, event):
        with open(os.environ["STORM_NOTES"], "a") as file:
            file.write(f"{event} {self._digest}\\n")


def take_memory():
    """Take memory until killed, once after a file says so."""
    try:
        os.unlink(os.environ.get("STORM_GREEDY", ""))
    except FileNotFoundError:
        return
    taken = []
    while True:
        taken.append(b"x" * 2**26)
        time.sleep(0.05)


class Plain(Noting, Finetune): ...
class Held(Noting, EWC): ...
class Replayed(Noting, ER): ...
'''
