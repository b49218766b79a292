"""Chapters from text to page: found and keyed (`chapters`, `parameters`), executed apart (`execution`, `isolated`),
judged (`evidence`), built into a book (`book`); `doctor` looks at the machine.
"""
