"""The composition root, by concern; the only package that knows every domain.

database.py    the database of this process, and its secret
tools.py       what facades work with; identity.py, payments.py and post.py read the settings for it
facades.py     every domain's facades, and whose port each is
reactions.py   who answers which event
process.py     Wiring: all of it, and the work behind the requests
"""

from holdfast.wiring.database import NoDatabase, branches, existing_database, join_database
from holdfast.wiring.process import Wiring
from holdfast.wiring.reactions import choreography

__all__ = ["NoDatabase", "Wiring", "branches", "choreography", "existing_database", "join_database"]
