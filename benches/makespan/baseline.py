#!/usr/bin/env python3
"""What people use today: asyncio, aiohttp and sqlite3, a poll a second.

    python baseline.py jobs.csv results --base-url URL --concurrency 10

Written to be good: one session, files encoded once, at most N tasks in flight, the slot given back before the
download, state in SQLite with a commit a change, throttling and outages retried with backoff, and a second start
goes on with the tasks of the first one. It does what such scripts do and no more: a create whose answer is lost is
sent again, and a result is not looked at.
"""

import argparse
import asyncio
import base64
import csv
import functools
import json
import os
import random
import sqlite3
import sys
from pathlib import Path

import aiohttp

TRY_ON = "/v1/images/kolors-virtual-try-on"
MODEL = "kolors-virtual-try-on-v1"
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    human TEXT NOT NULL,
    cloth TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    task_id TEXT,
    output TEXT,
    error TEXT
);
CREATE INDEX IF NOT EXISTS jobs_status ON jobs (status);
"""


class TaskFailed(Exception):
    pass


@functools.lru_cache(maxsize=256)
def encoded(path):
    return base64.b64encode(Path(path).read_bytes()).decode("ascii")


class Runner:
    def __init__(self, args, db, session):
        self.args = args
        self.db = db
        self.session = session
        self.url = args.base_url.rstrip("/") + TRY_ON
        self.slots = asyncio.Semaphore(args.concurrency)
        self.failed = 0

    def update(self, job_id, status, **columns):
        names = "".join(f", {name} = ?" for name in columns)
        self.db.execute(f"UPDATE jobs SET status = ?{names} WHERE id = ?", (status, *columns.values(), job_id))
        self.db.commit()

    async def call(self, method, url, body=None):
        """One request of the API; what may pass is tried again."""
        for attempt in range(8):
            try:
                async with self.session.request(method, url, data=body) as response:
                    answer = await response.json(content_type=None)
                    if response.status == 200 and answer.get("code") == 0:
                        return answer["data"]
                    if response.status != 429 and response.status < 500:
                        raise TaskFailed(f"{response.status}: {answer.get('message')}")
            except (aiohttp.ClientError, asyncio.TimeoutError, json.JSONDecodeError):
                pass
            await asyncio.sleep(min(60, 2**attempt * self.args.poll) * random.uniform(0.5, 1.0))
        raise TaskFailed("no success after 8 tries")

    async def submit(self, job):
        body = json.dumps(
            {
                "model_name": MODEL,
                "human_image": encoded(job["human"]),
                "cloth_image": encoded(job["cloth"]),
            }
        )
        task = await self.call("POST", self.url, body)
        self.update(job["id"], "running", task_id=task["task_id"])
        return task["task_id"]

    async def wait(self, task_id):
        while True:
            await asyncio.sleep(self.args.poll)
            task = await self.call("GET", f"{self.url}/{task_id}")
            if task["task_status"] == "succeed":
                return task["task_result"]["images"][0]["url"]
            if task["task_status"] == "failed":
                raise TaskFailed(task.get("task_status_msg"))

    async def download(self, job_id, url):
        path = Path(self.args.out) / f"{job_id}.png"
        for attempt in range(5):
            try:
                async with self.session.get(url) as response:
                    response.raise_for_status()
                    content = await response.read()
                part = path.with_suffix(".part")
                part.write_bytes(content)
                os.replace(part, path)
                return path
            except (aiohttp.ClientError, asyncio.TimeoutError):
                await asyncio.sleep(2**attempt * self.args.poll)
        raise TaskFailed("the download did not succeed")

    async def process(self, job):
        try:
            try:
                task_id = job["task_id"] or await self.submit(job)
                url = await self.wait(task_id)
            finally:
                self.slots.release()
            path = await self.download(job["id"], url)
            self.update(job["id"], "done", output=str(path))
        except TaskFailed as error:
            self.failed += 1
            self.update(job["id"], "failed", error=str(error))

    async def run(self):
        rows = self.db.execute(
            "SELECT id, human, cloth, task_id FROM jobs WHERE status IN ('pending', 'running')"
            " ORDER BY status DESC, rowid"
        ).fetchall()
        async with asyncio.TaskGroup() as tasks:
            for row in rows:
                await self.slots.acquire()
                tasks.create_task(self.process(row))


def load(db, manifest):
    folder = Path(manifest).parent
    with open(manifest, newline="", encoding="utf-8") as file:
        rows = (
            (row["id"], str(folder / row["human_image"]), str(folder / row["cloth_image"]))
            for row in csv.DictReader(file)
        )
        with db:
            db.executemany("INSERT OR IGNORE INTO jobs (id, human, cloth) VALUES (?, ?, ?)", rows)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("manifest")
    parser.add_argument("out")
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--concurrency", type=int, default=5)
    parser.add_argument("--poll", type=float, default=1.0, help="seconds between two questions about a task")
    args = parser.parse_args()

    Path(args.out).mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(Path(args.out) / "jobs.db")
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(SCHEMA)
    load(db, args.manifest)

    headers = {"Authorization": f"Bearer {os.environ['API_KEY']}", "Content-Type": "application/json"}
    session = aiohttp.ClientSession(
        headers=headers,
        connector=aiohttp.TCPConnector(limit=args.concurrency * 2),
        timeout=aiohttp.ClientTimeout(total=120),
    )
    async with session:
        runner = Runner(args, db, session)
        await runner.run()
    done = db.execute("SELECT COUNT(*) FROM jobs WHERE status = 'done'").fetchone()[0]
    print(f"done {done}, failed {runner.failed}")
    return 1 if runner.failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
