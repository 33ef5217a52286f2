"""Pure rules: which address may be asked, how a message is signed, when it is tried again."""
