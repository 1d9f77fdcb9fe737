"""The ways into the stages of a journey, and which events they are (rule I4)."""

from collections import defaultdict

from journey_engine.define.document import JourneyDocument


class Ways:
    """Of one journey; `arrivals` are the event types by which others lead to its start."""

    def __init__(self, document: JourneyDocument, arrivals: frozenset[str]) -> None:
        self._types: defaultdict[str, set[str]] = defaultdict(set)
        self._junctions: defaultdict[str, list[str]] = defaultdict(list)
        self._without_event: set[str] = set()
        if document.migrate is not None:
            self._without_event |= document.migrate.entered
        self._types[document.start] |= arrivals
        for clause in document.entry:
            self._add(document.start, document.leading(clause.leads))
        for name, form in document.stages.items():
            self._without_event |= form.after_sends
            for target in dict.fromkeys(form.ways):
                self._junctions[target].append(name)
            for each in form.transitions:
                if each.to is not None:
                    self._add(each.to, document.leading(each.leads))

    def events(self, stage: str) -> tuple[str, ...]:
        """The event types that lead there, through junctions too; none if any other way does."""
        found: set[str] = set()
        seen, ahead = {stage}, [stage]
        while ahead:
            here = ahead.pop()
            if here in self._without_event:
                return ()
            found |= self._types[here]
            junctions = [name for name in self._junctions[here] if name not in seen]
            seen.update(junctions)
            ahead += junctions
        return tuple(sorted(found))

    def _add(self, target: str, types: tuple[str, ...]) -> None:
        self._types[target].update(types)
        if not types:
            self._without_event.add(target)
