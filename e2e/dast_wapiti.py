"""Starts wapiti. Version 3.0.4 writes the regular expression of its -x addresses in a way that Python 3.11
refuses, so that one function is replaced; and it loads modules that were not asked for, of which some fetch
lists from the web, so those are left out."""
import re
import sys

from wapitiCore.attack import attack
from wapitiCore.main import wapiti
from wapitiCore.net import crawler

crawler.wildcard_translate = lambda pattern: re.compile(".*".join(map(re.escape, pattern.split("*"))) + r"\Z", re.M | re.S)
asked = sys.argv[sys.argv.index("-m") + 1].split(",")
attack.modules[:] = [m for m in attack.modules if m.removeprefix("mod_") in asked]
wapiti.wapiti_main()
