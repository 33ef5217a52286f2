"""The invariants of inventory, as statements that find what breaks them. None finds anything, ever."""

from sqlalchemy import text

INVARIANTS = {
    "no exclusive resource is held twice at a time": text(
        """
        SELECT a.resource_id AS subject, format('%s and %s overlap', a.id, b.id) AS detail
        FROM inventory.allocations a
        JOIN inventory.allocations b ON b.resource_id = a.resource_id AND b.during && a.during AND b.id > a.id
        WHERE a.active AND b.active
        """
    ),
    "every bucket counts its live allocations": text(
        """
        SELECT resource_id AS subject,
               format('bucket %s says %s, its allocations %s', bucket_at, coalesce(b.reserved, 0),
                      coalesce(c.units, 0)) AS detail
        FROM inventory.buckets b
        FULL JOIN (
            SELECT a.resource_id, at.bucket_at, sum(a.units) AS units
            FROM inventory.allocations a
            JOIN inventory.resources r ON r.id = a.resource_id
            CROSS JOIN LATERAL (
                SELECT make_interval(mins => coalesce(r.bucket_minutes, 1440)) AS step) bucket
            CROSS JOIN LATERAL generate_series(
                lower(a.during), upper(a.during) - bucket.step, bucket.step) AS at(bucket_at)
            WHERE NOT a.exclusive AND a.status <> 'released'
            GROUP BY a.resource_id, at.bucket_at) c USING (resource_id, bucket_at)
        WHERE coalesce(b.reserved, 0) <> coalesce(c.units, 0)
        """
    ),
    "no bucket holds more than its capacity": text(
        """
        SELECT resource_id AS subject, format('bucket %s: %s of %s', bucket_at, reserved, capacity) AS detail
        FROM inventory.buckets WHERE reserved < 0 OR reserved > capacity
        """
    ),
    "every allocation has a possible state": text(
        """
        SELECT id AS subject, format('%s, expires %s, released %s', status, expires_at, released_at) AS detail
        FROM inventory.allocations
        WHERE (status = 'held') <> (expires_at IS NOT NULL) OR (status = 'released') <> (released_at IS NOT NULL)
           OR units < 1 OR isempty(period) OR isempty(during)
        """
    ),
    "no item of a booking is held twice": text(
        """
        SELECT booking_id AS subject, format('item %s is held %s times', item, count(*)) AS detail
        FROM inventory.allocations WHERE status <> 'released'
        GROUP BY booking_id, item HAVING count(*) > 1
        """
    ),
}
