"""What a campaign found: figures, and pages and files made from them. Replies are withheld."""
