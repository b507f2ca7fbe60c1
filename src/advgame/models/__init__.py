"""Where weights come from, what sets of them a player holds, and how chats become tokens."""
