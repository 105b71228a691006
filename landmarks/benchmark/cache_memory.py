"""What the cache takes on a machine with several training processes, and how soon a second run has its first batch."""

import dataclasses
import json
import multiprocessing
import os
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from landmarks.config import Config
from landmarks.configfile import config_to_dict

_RANKS, _WORKERS, _BATCH = 2, 4, 4

_SECOND_RUN = """
import json, sys, time
start = time.perf_counter()
from landmarks.configfile import config_from_dict
from landmarks.data.batches import BatchPlan
from landmarks.data.loading import open_dataset
from landmarks.data.workers import make_loader
config = config_from_dict(json.loads(sys.stdin.read()))
imported = time.perf_counter()
data = config.data
_, dataset = open_dataset(data, data.train_split, augment=config.augment, seed=config.train.seed)
plan = BatchPlan(len(dataset), config.train.batch_size, seed=0, shuffle=True)
next(iter(make_loader(dataset, plan, data, pin_memory=False)))
print(json.dumps({"import_seconds": imported - start, "data_seconds": time.perf_counter() - imported}))
"""


def first_batch_seconds(config: Config) -> dict:
    """A fresh process that finds the disk cache: seconds of its imports, and from there to the first batch."""
    words = json.dumps(config_to_dict(config))
    done = subprocess.run([sys.executable, "-c", _SECOND_RUN], input=words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def cache_memory(config: Config) -> dict | None:
    """Proportional set size of the cache over two training processes with four workers each, in copies of the cache.

    None where the system does not tell (it is not Linux).
    """
    if sys.platform != "linux":
        return None
    data = dataclasses.replace(config.data, cache="ram", workers=_WORKERS)
    config = dataclasses.replace(config, data=data)
    context = multiprocessing.get_context("spawn")
    before = os.environ.get("LOCAL_WORLD_SIZE")
    os.environ["LOCAL_WORLD_SIZE"] = str(_RANKS)  # as torchrun tells its processes
    try:
        ends = [context.Pipe() for _ in range(_RANKS)]
        ranks = [context.Process(target=_rank, args=(config, end)) for _, end in ends]
        for rank in ranks:
            rank.start()
        for _, end in ends:
            end.close()  # a rank that dies is then an end of file here, not an endless wait
        ours = [end for end, _ in ends]
        num_bytes = [end.recv() for end in ours]  # each has loaded an epoch
        for end in ours:
            end.send("measure")
        pss = [end.recv() for end in ours]
        for end in ours:
            end.send("end")
        for rank in ranks:
            rank.join()
    finally:
        os.environ.pop("LOCAL_WORLD_SIZE")
        if before is not None:
            os.environ["LOCAL_WORLD_SIZE"] = before
    return {"ranks": _RANKS, "workers": _WORKERS, "one_copy_mib": num_bytes[0] / 2**20, "pss_mib": sum(pss) / 2**20,
            "copies": sum(pss) / num_bytes[0]}  # fmt: skip


def _rank(config: Config, end: Connection) -> None:
    from landmarks.data.batches import BatchPlan
    from landmarks.data.loading import CephalogramDataset, open_store
    from landmarks.data.sets import read_split
    from landmarks.data.workers import make_loader
    from landmarks.synthetic.folder import make_missing_set

    data = config.data
    make_missing_set(data)
    records = read_split(data, data.train_split, seed=config.train.seed)
    store = open_store(records.records, data)
    dataset = CephalogramDataset(records, store, data.image_size, augment=config.augment, seed=0)
    loader = make_loader(dataset, BatchPlan(len(dataset), _BATCH, seed=0, shuffle=True), data, pin_memory=False)
    for _ in loader:
        pass
    end.send(store.num_bytes)
    end.recv()
    workers = [process.pid for process in multiprocessing.active_children()]
    end.send(sum(_mapped_bytes(pid) for pid in [os.getpid(), *workers]))
    end.recv()


def _mapped_bytes(pid: int) -> int:
    """Proportional set size of the cache's mapping in one process."""
    total, inside = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        if "-" in line.split(" ")[0]:
            inside = "landmarks-cache" in line
        elif inside and line.startswith("Pss:"):
            total += 1024 * int(line.split()[1])
    return total
