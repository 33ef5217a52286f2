"""Every statement on schema `identity`.

Lock order: users by id, then what belongs to one (identities, API keys), then the signing keys' advisory lock,
then sessions, then a refresh token or a code.
"""
