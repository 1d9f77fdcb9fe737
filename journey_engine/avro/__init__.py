"""Avro bodies, read and written by compiled extensions where they are. Pure.

Without the extensions `reading` has fastavro and `writing` its own functions: the same values, the
same errors and the same bytes.
"""
