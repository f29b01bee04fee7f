"""Who is let in and how: sessions, proxies, OpenID, limits of guessing, what is recorded, pages of accounts."""
