"""Where live data breaks what must be true of it; each statement selects (subject, detail)."""

from collections.abc import Mapping

from sqlalchemy import TextClause, text

INVARIANTS: Mapping[str, TextClause] = {
    "no message is stuck": text(
        """
        SELECT id AS subject, channel || ' ' || template || ' is due since ' || next_attempt_at AS detail
        FROM notification.messages
        WHERE next_attempt_at < :due_before
        """
    ),
    "what is secret in a message is gone once it is sent or given up": text(
        """
        SELECT message.id AS subject, 'it is ' || message.status AS detail
        FROM notification.messages AS message JOIN notification.secrets ON secrets.message_id = message.id
        WHERE message.next_attempt_at IS NULL
        """
    ),
}
