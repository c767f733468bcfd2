"""Starts wapiti. Version 3.0.4 writes the regular expression of its -x addresses in a way that Python 3.11
refuses; that one function is replaced."""
import re

from wapitiCore.main import wapiti
from wapitiCore.net import crawler

crawler.wildcard_translate = lambda pattern: re.compile(".*".join(map(re.escape, pattern.split("*"))) + r"\Z", re.M | re.S)
wapiti.wapiti_main()
