"""Payment providers: what they are asked, what they say, and how their webhooks are believed."""
