"""Access control lists: users, what each may do, and who was refused.

`users` holds the users and their passwords, `selectors` the rules of one set of permissions, `permissions`
what follows from these for a command that is about to run. Nothing here knows a command's handler or a
connection: names, categories, keys and channels come in from above. Rules, texts and the order in which
rules are shown are those that redis-server 8.2.3 was seen to use.
"""
