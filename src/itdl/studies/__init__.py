"""The experiments of the chapters, one module per chapter: each unit a pure function of plain parameters.

A chapter tells the story and calls these; because they are importable, `itdl.sweep` can spread them over processes or
a cluster and keep their results. They belong to no other chapter, so nothing here is imported by an idea.
"""
