"""What is wanted against what the journal says was sent: the difference, in order, cut into windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct, field

from mig.engine.decide import Decided
from mig.journal.delivery import OperationRow
from mig.model import Ref, digest
from mig.platforms import Effect, File, FromReceipt, Operation, Receipt, Spooled


class Step(Struct):
    """One operation that needs something."""

    op: Operation
    action: str
    """send, revise, undo; ask: only find out whether it took effect with what was sent then; look: whether somebody
    changed the unit since."""
    digest: str
    doubtful: bool = False
    """An attempt of an earlier run may have taken effect."""
    left: bool = False
    """An attempt of this run may have: set while it is sent."""
    files: Mapping[Ref, Spooled] = field(default_factory=dict)
    """The bytes it names, while it is sent."""
    before: OperationRow | None = None
    old: Receipt | None = None
    beside: Mapping[str, Receipt] = field(default_factory=dict)
    """Of a look: what the unit's operations answered."""

    @property
    def alone(self) -> bool:
        """A birth that nothing could find again stands alone in its transaction."""
        return self.action == "send" and self.op.effect is Effect.CREATE and self.op.marker is None

    @property
    def fleeting(self) -> bool:
        """Whether nothing finds it again once the next step was said; what was sent then, its row does not tell."""
        return self.op.effect is Effect.CREATE and self.old is None and (self.op.fleeting or self.action == "ask")


def operation_digest(operation: Operation) -> str:
    """What decides whether an operation is sent again."""
    return digest(operation.verb, operation.effect, operation.marker or "", encode_body(operation.body))


def encode_body(body: object) -> bytes:
    """A body with its open receipts, as stored while it is sent."""
    return msgspec.json.encode(body, order="deterministic")


def diff(
    decided: Decided,
    known: Mapping[str, OperationRow],
    *,
    moved: Iterable[Ref] = (),
    phase: int = 0,
    everything: bool = False,
) -> list[Step]:
    """The steps a unit needs, in the order of the target's rendering.

    Args:
        decided: What is wanted.
        known: What the journal says of the unit's operations.
        moved: Records that are in another unit now: what carries them here is taken back.
        phase: Operations of later phases wait.
        everything: Look at unchanged records too (`--remap`).
    """
    steps: list[Step] = []
    wanted = [operation for operation in decided.operations if operation.phase <= phase]
    for operation in wanted:
        relevant = everything or not operation.carries or any(ref in decided.changed for ref in operation.carries)
        step = _step(operation, known.get(operation.name), relevant, everything=everything)
        if step is not None:
            steps.append(step)
    steps = _with_dependents(wanted, steps, known)
    names = {operation.name for operation in decided.operations}
    undone = _vanished(decided, known, names, set(moved), everything)
    steps = _with_tails(wanted, steps, known, undone)
    first_tail = next((index for index, step in enumerate(steps) if step.op.tail), len(steps))
    return [*steps[:first_tail], *undone, *steps[first_tail:]]


def widened(decided: Decided, known: Mapping[str, OperationRow]) -> set[Ref]:
    """What changed, and what shares an operation with it that appears or vanishes.

    An operation that carries several records (a thread told as one note) replaces those of each of them, or is replaced
    by them: sent or taken back for the sake of one, it must be so for all, or some would stand twice or nowhere. One
    that carries the root tells the unit as a whole: whatever changed in it, also what is new, changes its form, and
    everything in it has its place by the new one (files stand at the end of a note, and with their messages without).
    """
    names = {operation.name for operation in decided.operations}
    vanishing = [row.carries for row in known.values() if row.state != "gone" and row.name not in names]
    appearing = [one.carries for one in decided.operations if one.name not in known or known[one.name].state == "gone"]
    groups: list[tuple[set[Ref], set[Ref]]] = []  # what draws in, and what is drawn in
    for carries, fresh in (*((one, decided.fresh) for one in vanishing), *((one, set[Ref]()) for one in appearing)):
        if len(carries) < 2:
            continue
        is_whole = any(f"{ref.kind}:{ref.id}" == decided.key for ref in carries)
        groups.append(({*carries, *fresh}, set(decided.verdicts)) if is_whole else (set(carries), set(carries)))
    changed = set(decided.changed)
    while more := {ref for those, drawn in groups if changed & those for ref in drawn} - changed:
        changed |= more
    return changed


def windows(steps: Sequence[Step], size: int) -> Iterator[list[Step]]:
    """Cut steps into what is claimed together: a birth without a marker alone, one that soon has none last."""
    window: list[Step] = []
    for step in steps:
        if window and (step.alone or window[0].alone or window[-1].fleeting or len(window) >= size):
            yield window
            window = []
        window.append(step)
    if window:
        yield window


def _step(operation: Operation, row: OperationRow | None, relevant: bool, *, everything: bool) -> Step | None:
    value = operation_digest(operation)
    if row is None or row.state == "gone":
        # A changed setting renders old records otherwise, too: that is for --remap, never by surprise.
        return Step(op=operation, action="send", digest=value) if relevant else None
    if row.state == "sending":
        if row.receipt is None and row.digest != value and operation.effect is Effect.CREATE and row.marker:
            # Whether the older content stands there is settled first, alone; the next round revises or sends.
            return Step(op=as_sent(row), action="ask", digest=row.digest, doubtful=True, before=row)
        return Step(op=operation, action=_again(row), digest=value, doubtful=True, before=row, old=row.receipt)
    if row.state == "failed":
        if not relevant:
            return None
        return Step(op=operation, action=_again(row), digest=value, before=row, old=row.receipt)
    if row.state == "due":
        return Step(op=operation, action=_again(row), digest=value, before=row, old=row.receipt)
    declined = row.receipt is not None and bool(row.receipt.declined)
    if (row.digest != value and relevant) or (declined and everything):  # --remap asks again for what was declined
        return Step(op=operation, action="revise", digest=value, before=row, old=row.receipt)
    return None


def _with_dependents(wanted: Sequence[Operation], steps: list[Step], known: Mapping[str, OperationRow]) -> list[Step]:
    """What holds the answer of an upload that is sent anew is looked at again: the answer may be another."""
    renewed = {step.op.name for step in steps if step.op.effect is Effect.FREE and step.action != "undo"}
    if not renewed:
        return steps
    by_name = {step.op.name: step for step in steps}
    for operation in wanted:
        row = known.get(operation.name)
        waits = renewed & {hole.op for hole in receipts_in(operation.body) if hole.of is None}
        if waits and operation.name not in by_name and row is not None and row.state in ("done", "due"):
            by_name[operation.name] = Step(
                op=operation, action="revise", digest=operation_digest(operation), before=row, old=row.receipt
            )
    return [by_name[operation.name] for operation in wanted if operation.name in by_name]


def _again(row: OperationRow) -> str:
    """What has a receipt stands there: it is revised, also when the last revision was refused."""
    return "revise" if row.receipt is not None else "send"


def _with_tails(
    wanted: Sequence[Operation], steps: list[Step], known: Mapping[str, OperationRow], undone: Sequence[Step]
) -> list[Step]:
    """When anything in the unit is sent or taken back, its tails are said again, each in its place."""
    if not undone and all(step.op.tail for step in steps):
        return steps
    by_name = {step.op.name: step for step in steps}
    for operation in wanted:
        if operation.tail and operation.name not in by_name:
            row = known.get(operation.name)
            action = _again(row) if row is not None else "send"
            by_name[operation.name] = Step(
                op=operation,
                action=action,
                digest=operation_digest(operation),
                before=row,
                old=row.receipt if row is not None else None,
            )
    return [by_name[operation.name] for operation in wanted if operation.name in by_name]


def _vanished(
    decided: Decided, known: Mapping[str, OperationRow], names: set[str], moved: set[Ref], everything: bool
) -> list[Step]:
    """Operations nobody wants any more: taken back where their record lives on without them, or elsewhere.

    What carries a record that is not loaded any more (deleted, spam by now) stays: what was moved once is kept. So does
    what carries one in quarantine: nobody knows what it would become, and what was moved of it is all there is.
    """
    steps = []
    known_whole = all(verdict.state != "failed" for verdict in decided.verdicts.values())
    for name, row in known.items():
        never_there = row.state == "gone" or (row.state == "failed" and row.receipt is None)
        if name in names or never_there or row.tail:
            continue
        alive = [
            ref
            for ref in row.carries
            if ref in moved or (_loaded(decided, ref) and (everything or ref in decided.changed))
        ]
        if alive or (known_whole and not row.carries):
            doubtful = row.state == "sending"
            steps.append(
                Step(op=as_sent(row), action="undo", digest=row.digest, doubtful=doubtful, before=row, old=row.receipt)
            )
    return steps


def _loaded(decided: Decided, ref: Ref) -> bool:
    verdict = decided.verdicts.get(ref)
    return verdict is not None and verdict.fate == "load" and verdict.state != "failed"


def as_sent(row: OperationRow) -> Operation:
    """An operation as it was when it was claimed."""
    body = decode_body(row.body) if row.body else {}
    return Operation(
        name=row.name,
        verb=row.verb,
        effect=Effect(row.effect),
        body=body,
        carries=row.carries,
        marker=row.marker,
        tail=row.tail,
    )


def receipts_in(value: object) -> list[FromReceipt]:
    """Every open receipt of a body."""
    return [item for item in _leaves(value) if isinstance(item, FromReceipt)]


def files_in(value: object) -> list[Ref]:
    """Every file of a body, once."""
    return list(dict.fromkeys(item.ref for item in _leaves(value) if isinstance(item, File)))


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def decode_body(body: bytes) -> dict[str, object]:
    """The opposite of `encode_body`: tagged receipts become FromReceipt again."""
    value = _revive(msgspec.json.decode(body))
    assert isinstance(value, dict)
    return value


def _revive(value: object) -> object:
    if isinstance(value, dict):
        if value.get("type") == "FromReceipt" and "op" in value:
            return msgspec.convert(value, FromReceipt)
        return {key: _revive(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_revive(item) for item in value]
    return value
