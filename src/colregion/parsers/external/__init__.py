"""Regions from other tools' files, or from a function.

Each source is one file here. It converts the tool's coordinates to fractions of the page as
displayed and returns an `ExternalPage` per page; `page_builder` makes region trees of these.
"""
