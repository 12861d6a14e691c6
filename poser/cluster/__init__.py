"""Models on other processes and machines, over Ray core actors. Nothing here imports ray before a config asks for it.

`settings` is what a config says, `placing` who stands where, `session` the connection, `worker` what stands there,
`replicas` who is called and what becomes of a call that is lost, `joined` an agent's models behind proxies.
"""
