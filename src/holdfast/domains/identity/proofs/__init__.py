"""What proves who somebody is: passwords, codes, links and tokens. The cryptography is of libraries."""
