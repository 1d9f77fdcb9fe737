"""Every code of a definition error that this package reports, and what it means."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FORM_CODES: Final = frozenset(
    {
        "BAD_DURATION",
        "BAD_DATE",
        "GOAL_EMPTY",
        "TRIGGER_CONFLICT",
        "NO_TRIGGER",
        "NO_EFFECT",
        "OUTCOME_WITHOUT_END",
        "NOT_A_WAIT",
        "RESET_OF_SINCE",
        "KEY_WITHOUT_EVENT",
        "LIMIT_AND_WITHIN",
        "IN_SYNC_BEYOND_REPLICATION",
    }
)
"""Those that the model of a document reports itself."""

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        # The text (F1)
        "NOT_UTF8": "the file is not UTF-8",
        "FILE_TOO_LARGE": "the file is larger than 256 KiB",
        "NESTED_TOO_DEEP": "mappings and lists are nested deeper than 24 levels",
        "YAML_SYNTAX": "the text is not YAML",
        "YAML_DOCUMENTS": "the file holds more than one document",
        "YAML_DIRECTIVE": "the file begins with a directive such as %YAML",
        "YAML_ANCHOR": "an anchor (&name)",
        "YAML_ALIAS": "an alias (*name)",
        "YAML_TAG": "a tag (!name)",
        "DUPLICATE_KEY": "a key stands twice in one mapping",
        "KEY_NOT_TEXT": "a key is a number, a list or null",
        "NUMBER_TOO_LONG": "a number has more than 40 characters",
        # The form (F2, F4)
        "UNKNOWN_KEY": "a key that means nothing here",
        "NOT_SUPPORTED": "a part of the language that this version does not run",
        "MISSING_KEY": "a mandatory key is missing",
        "BAD_NAME": "a name has other characters than letters, digits, _ and -",
        "BAD_VALUE": "a value is of the wrong type or out of range",
        "BAD_DURATION": "a duration is not a whole number with one of s m h d w",
        "BAD_DATE": "a date is not written as 2027-03-01",
        "GOAL_EMPTY": "a goal has neither `on` nor `when`",
        "TRIGGER_CONFLICT": "a transition has two of `on`, `after`, `always`",
        "NO_TRIGGER": "a transition has no trigger",
        "NO_EFFECT": "a transition leads nowhere and does nothing",
        "OUTCOME_WITHOUT_END": "`outcome` stands at a transition that does not end the instance",
        "NOT_A_WAIT": "`reset_on` or `since` stands at a transition without `after`",
        "RESET_OF_SINCE": "`reset_on` stands at a wait that counts from a send",
        "KEY_WITHOUT_EVENT": "`key` or `scope` stands where no event is read",
        "LIMIT_AND_WITHIN": "one of `limit` and `within` stands without the other",
        "IN_SYNC_BEYOND_REPLICATION": "a topic needs more replicas in sync than it has",
        # The files together
        "FILE_MISSING": "one of the company's files is missing",
        "UNKNOWN_FILE": "a file that is neither the company's nor a journey",
        "FILE_NAME": "a journey's file is not called as the journey",
        "REPEATED_JOURNEY": "two files hold a journey of the same name",
        # Names
        "UNKNOWN_EVENT": "no schema for an event type",
        "UNKNOWN_FIELD": "an event type has no such field, or an expression names nothing declared",
        "UNKNOWN_CHANNEL": "a channel that channels.yaml does not know",
        "UNKNOWN_PURPOSE": "a purpose that policies.yaml does not know",
        "UNKNOWN_MACRO_STAGE": "a macro-stage that lifecycle.yaml does not know",
        "UNKNOWN_STAGE": "a stage that the journey does not have",
        "UNKNOWN_GOAL": "`success` names no goal",
        "UNKNOWN_SEND": "`since` names no send of the journey",
        "RESERVED_NAME": "a name that the engine uses itself",
        "REPEATED_ID": "two actions of a journey have one id",
        "REPEATED_FEATURE": "a journey's feature is called as a shared one",
        "REPEATED_CHANNEL": "a channel stands twice in a list",
        "CHANNELS_EMPTY": "`preferred` stands alone",
        "CHANNEL_ACTION": "a channel does not take this action",
        # What guards say of an expression, rule F3
        "UNKNOWN_NAME": "an expression names an undeclared trait, journey, stage, purpose, channel",
        "WRONG_TYPE": "an expression has the wrong type, or compares what cannot be compared",
        "SYNTAX": "the text is not a CEL expression",
        "UNSUPPORTED": "CEL that this engine does not run",
        "BAD_LITERAL": "a literal that means nothing, such as a time of day 25:00",
        "TOO_COMPLEX": "an expression is longer than its limit",
        # Meaning
        "TRAIT_KIND": "the sources of a trait have several types, or one that a trait cannot have",
        "FEATURE_OPERATION": "a feature has no operation, or several",
        "FEATURE_FORM": "a feature's fields do not fit its operation",
        "FEATURE_KIND": "a feature's operation cannot take the type of its field",
        "CONTEXT_KIND": "a remembered field has several types, or one that cannot be remembered",
        "CONTEXT_LIMIT": "more than 32 fields are remembered",
        "GOAL_VALUE_KIND": "the value of a goal is not a number",
        "DATA_KIND": "a command cannot carry a value of this type",
        "EXPIRES_BEFORE_DELAY": "a send expires before its delay is over",
        "KEY_MISSING": "an event type lacks the field that the journey's key reads (I1)",
        "KEY_NOT_DECLARED": "a clause has a key where the journey has none",
        "KEY_AND_SCOPE": "a clause has both a key and `scope: customer`",
        "KEY_CONSTANT": "a journey's key reads no field of the event",
        # What the lint says of the structure, rule V4
        "UNREACHABLE_STAGE": "no transition leads to the stage",
        "NO_WAY_OUT": "nothing but a goal or an exit leads out of the stage",
        "ALWAYS_LOOP": "`always` leads round in a circle without a wait",
        "WAIT_BEYOND_ABANDON": "a wait is longer than `abandon`",
        "SHADOWED_TRANSITION": "a transition without guard always comes before it",
        "TIMERS_LIMIT": "more than 32 timers run in a stage",
    }
)
