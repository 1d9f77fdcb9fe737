"""The bench's definitions with more journeys: some do the job, too, the others nobody enters.

As in a company, these still read what happens: all have a goal on `OrderPlaced`.
"""

import shutil
from pathlib import Path

from tests.bench.site import HERE

SILENT = ("AdClicked", "AppInstalled", "SupportContacted", "NpsAnswered", "EmailVerified")
"""What the other journeys listen to, in turn: none of it happens."""
IDLE = """\
journey: {name}
version: 1
owner: engine-team
objective: A journey of the company that no customer of the bench is in
success: never
review_by: 2099-01-01
purpose: service
entry:
  - {{on: {event}}}
reentry: {{mode: once}}
goals:
  never: {{on: OrderPlaced, when: "event.total < 0.0"}}
start: waiting
stages:
  waiting:
    macro_stage: purchase
    on_enter:
      - send: {{id: greet, content: {name}-greeting, channels: [email]}}
    transitions:
      - {{after: 4h, to: end}}
"""


def grown(folder: Path, journeys: int, listening: int) -> Path:
    """A copy of the definitions with so many journeys, of which so many do the job; the folder."""
    shutil.copytree(HERE / "topologies", folder)
    text = (folder / "journeys" / "bench.yaml").read_text(encoding="utf-8")
    for number in range(2, listening + 1):
        name = f"bench-{number}"
        copy = text.replace("journey: bench\n", f"journey: {name}\n")
        (folder / "journeys" / f"{name}.yaml").write_text(copy, encoding="utf-8")
    for number in range(listening + 1, journeys + 1):
        name = f"idle-{number}"
        idle = IDLE.format(name=name, event=SILENT[number % len(SILENT)])
        (folder / "journeys" / f"{name}.yaml").write_text(idle, encoding="utf-8")
    return folder
