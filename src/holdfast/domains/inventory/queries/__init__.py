"""Every statement inventory sends, and every lock it takes.

Locks are taken in one order, so that no two operations can wait for each other in a circle:

    1. resources, as advisory locks, by key: shared to claim a resource by its id, whole to pick among a venue's
       resources or to move a reservation
    2. allocations FOR UPDATE, by id: expired holds that are in the way, and the caller's own
    3. buckets, by resource and time
    4. new rows, by resource and time: an insert may wait for another's uncommitted one
"""
