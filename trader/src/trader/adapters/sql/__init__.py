"""The SQL store: journal, outbox, leader epoch and kills, on PostgreSQL in the cluster and SQLite by hand."""
