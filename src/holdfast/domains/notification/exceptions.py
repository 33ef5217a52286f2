"""What notification refuses, and what a mailer says when a message did not go out."""

from collections.abc import Mapping

from holdfast.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal


class MessageNotFound(NotFound):
    """There is no such message, or it is not yours to see."""


class MessagesAreForStaff(Forbidden):
    """Only staff may look at other people's messages."""


class MessageNotFailed(Conflict):
    """Only a message that was given up can be sent again."""


class SecretsWiped(Conflict):
    """What was secret in this message is wiped; ask for a new one instead."""


class NoticeNotFound(NotFound):
    """There is no such notice among yours."""


class TemplatesAreForStaff(Forbidden):
    """Only staff may look at templates and change them."""


class TemplateNotFound(NotFound):
    """There is no such template in this language for this channel."""


class TemplateBroken(Invalid):
    """The template cannot be used; the detail says in which part and line, and why."""


class TemplateChanged(Conflict):
    """Somebody else saved or activated a version of this template at the same moment."""


class MessageIncomplete(Invalid):
    """The message's template needs a value that was not given."""


VIOLATIONS: Mapping[str, type[Refusal]] = {
    "templates_pkey": TemplateChanged,
    "templates_active_key": TemplateChanged,
}


class Undelivered(Exception):
    """A message did not go out; the text says what the other side said."""


class Deferred(Undelivered):
    """It did not go out this time and may the next: 4xx, no connection, time over, our own account refused."""


class Rejected(Undelivered):
    """It will never go out: the mail server refused the sender, the recipient or the content for good (5xx)."""
