"""The pieces that the claiming statements share."""

# one row a claim, sorted by resource and time: two batches that overlap meet in the same order
WISHES = """
    wish AS MATERIALIZED (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:booking_ids AS uuid[]), CAST(:items AS smallint[]),
            CAST(:resource_ids AS uuid[]), CAST(:starts_at AS timestamptz[]), CAST(:ends_at AS timestamptz[]),
            CAST(:begins AS timestamptz[]), CAST(:ends AS timestamptz[]), CAST(:exclusives AS boolean[]),
            CAST(:units AS integer[]), CAST(:guests AS integer[]), CAST(:expiries AS timestamptz[]),
            CAST(:makers AS text[]))
        AS w(id, booking_id, item, resource_id, start_at, end_at, begins, ends,
             exclusive, units, guests, expires_at, made_by))
"""

# The count makes the releases happen before the first row goes in. ON CONFLICT names no target: it answers for
# the exclusion constraint as well as for the (booking, item) key, and speculative insertion cannot deadlock.
INSERT = """
    INSERT INTO inventory.allocations
        (id, booking_id, item, resource_id, period, during, exclusive, units, guests,
         status, expires_at, made_by, created_at)
    SELECT id, booking_id, item, resource_id, tstzrange(start_at, end_at), tstzrange(begins, ends),
           exclusive, units, guests,
           CASE WHEN expires_at IS NULL THEN 'committed' ELSE 'held' END, expires_at, made_by,
           CAST(:now AS timestamptz)
    FROM wish
    WHERE (SELECT count(*) FROM freed) >= 0
    ORDER BY resource_id, begins
    ON CONFLICT DO NOTHING
"""

# expired holds that overlap a place, or stand under the claim's own key; one partial index for each branch
STALE = """
    SELECT a.id
    FROM unnest(CAST(:resource_ids AS uuid[]), CAST(:begins AS timestamptz[]), CAST(:ends AS timestamptz[]))
         AS place(resource_id, begins, ends)
    JOIN inventory.allocations a
      ON a.active AND a.resource_id = place.resource_id AND a.during && tstzrange(place.begins, place.ends)
    WHERE a.status = 'held' AND a.expires_at <= CAST(:now AS timestamptz)
    UNION
    SELECT a.id
    FROM unnest(CAST(:resource_ids AS uuid[]), CAST(:begins AS timestamptz[]), CAST(:ends AS timestamptz[]))
         AS place(resource_id, begins, ends)
    JOIN inventory.allocations a
      ON a.resource_id = place.resource_id AND a.during && tstzrange(place.begins, place.ends)
    WHERE a.status = 'held' AND NOT a.exclusive AND a.expires_at <= CAST(:now AS timestamptz)
    UNION
    SELECT a.id
    FROM unnest(CAST(:booking_ids AS uuid[]), CAST(:items AS smallint[])) AS claim(booking_id, item)
    JOIN inventory.allocations a
      ON a.booking_id = claim.booking_id AND a.item = claim.item AND a.status <> 'released'
    WHERE a.status = 'held' AND a.expires_at <= CAST(:now AS timestamptz)
"""

FREED = """
    freed AS (
        UPDATE inventory.allocations
        SET status = 'released', released_at = CAST(:now AS timestamptz), expires_at = NULL
        WHERE id = ANY (CAST(:stale AS uuid[])) AND status <> 'released'
        RETURNING id, resource_id, during, units, exclusive)
"""

# what was gained and freed, summed into the buckets it touches; those are locked already
CHANGES = """
    change AS (
        SELECT b.resource_id, b.bucket_at, sum(c.units) AS units
        FROM ({gained}
              UNION ALL
              SELECT resource_id, during, -units, exclusive FROM freed) c(resource_id, during, units, exclusive)
        JOIN inventory.buckets b
          ON b.resource_id = c.resource_id AND b.bucket_at >= lower(c.during) AND b.bucket_at < upper(c.during)
        WHERE NOT c.exclusive
        GROUP BY b.resource_id, b.bucket_at
        HAVING sum(c.units) <> 0),
    counted AS (
        UPDATE inventory.buckets b SET reserved = b.reserved + change.units
        FROM change WHERE b.resource_id = change.resource_id AND b.bucket_at = change.bucket_at
        RETURNING 1)
"""
