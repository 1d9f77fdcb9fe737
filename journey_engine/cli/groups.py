"""The headings under which the command line lists its commands."""

from cyclopts import Group

FIRST = Group("Start here", sort_key=0)
AUTHORS = Group("For journey teams", sort_key=1)
OPERATORS = Group("For operators and channel teams", sort_key=2)
