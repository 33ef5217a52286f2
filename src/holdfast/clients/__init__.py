"""What the domains ask of each other, asked over HTTP where the other is a service of its own.

ports.py     all that is asked of each domain, as one Protocol each
twin.py      whoever fits such a Protocol by asking a peer
peer.py      the connection to one: pooled, bounded in time, cut while nobody answers
tokens.py    who asks, and on whose behalf
asking.py    ask first, write after: no transaction is open while a peer is asked
deadline.py  how long whoever waits for all of it still does
"""
