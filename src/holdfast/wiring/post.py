"""How messages leave the house: by mail, and as text messages."""

from holdfast.gateways.mail import MailKeys, MailRoute
from holdfast.gateways.mail_catcher import MailFolder
from holdfast.gateways.sigv4 import AwsKey
from holdfast.gateways.sms import SmsGateway
from holdfast.kernel.clock import Clock
from holdfast.settings import MailSettings, NotificationSettings


def mail_route_of(settings: MailSettings, *, catch_in: MailFolder | None, clock: Clock) -> MailRoute:
    """`catch_in` keeps the mail of a house that has no mail server."""
    return MailRoute(
        smtp_url=settings.smtp_url.get_secret_value() if settings.smtp_url else None,
        catch_in=catch_in,
        sender=settings.sender,
        brand=settings.brand,
        timeout_seconds=settings.smtp_timeout_seconds,
        ca_file=settings.smtp_ca_file,
        transport=settings.transport,
        keys=mail_keys_of(settings),
        clock=clock,
    )


def mail_keys_of(settings: MailSettings) -> MailKeys:
    aws = None
    if settings.ses_access_key_id is not None and settings.ses_secret_access_key is not None:
        token = settings.ses_session_token.get_secret_value() if settings.ses_session_token else None
        aws = AwsKey(settings.ses_access_key_id, settings.ses_secret_access_key.get_secret_value(), token)
    sendgrid = settings.sendgrid_api_key
    return MailKeys(aws=aws, sendgrid=sendgrid.get_secret_value() if sendgrid else None)


def sms_gateway_of(settings: NotificationSettings) -> SmsGateway | None:
    if settings.sms_url is None:
        return None
    token = settings.sms_token.get_secret_value() if settings.sms_token else None
    return SmsGateway(settings.sms_url, token, settings.sms_sender, settings.sms_timeout_seconds)
