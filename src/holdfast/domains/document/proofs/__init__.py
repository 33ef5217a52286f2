"""What is signed: the links that download, the codes that open doors."""
