"""Deprecated import path of `methods.testing`, kept for one release."""

from methods.testing import assert_conforms as assert_conforms
