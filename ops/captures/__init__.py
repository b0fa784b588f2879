"""The pictures of the README, each made from something that ran: `make captures`, and `python -m ops.captures status` on the stand.

Nothing that is shown was drawn by hand. The report is the page that the post-close wrote, in a browser. The dashboard is
`ops/dashboards/first-hour.json`, its panels, queries and thresholds, over the answers of a Prometheus that scraped the trader.
It is laid out here and not by Grafana, which is no Go module and no package of Debian; the picture says so.
"""
