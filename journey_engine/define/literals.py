"""Literal timestamps and durations, as int milliseconds."""

import datetime as dt

from cel_expr_python import cel

from journey_engine.define.iso import iso_utc
from journey_engine.define.operators import DURATION_MAX

_ENV = cel.NewEnv(variables={"text": cel.Type.STRING, "exact": cel.Type.STRING})
_READ = {kind: _ENV.compile(f"{kind}(text)") for kind in ("timestamp", "duration")}
_IS_EXACT = {kind: _ENV.compile(f"{kind}(text) == {kind}(exact)") for kind in _READ}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)


def milliseconds(kind: str, text: str) -> int:
    """What `timestamp('...')` or `duration('...')` means, by CEL's own reading.

    Raises:
        ValueError: CEL cannot read it, it is finer than a millisecond, or longer than CEL can
            reckon with.
    """
    found = _READ[kind].eval(data={"text": text}).value()
    if isinstance(found, dt.datetime):
        value = (found - _EPOCH) // _MILLISECOND
        exact = iso_utc(value)
    elif isinstance(found, dt.timedelta):
        value = found // _MILLISECOND
        exact = f"{value}ms"
        if abs(value) > DURATION_MAX:
            raise ValueError(f"'{text}' is longer than 292 years")
    else:
        raise ValueError(f"'{text}' is not a {kind}")  # noqa: TRY004 - the text is at fault
    if not _IS_EXACT[kind].eval(data={"text": text, "exact": exact}).value():
        raise ValueError(f"'{text}' is finer than a millisecond")
    return value
