"""Runs the demo: `python -m ops.demo`."""

import sys

from ops.clients.exchange import exchange_in
from ops.clients.kubectl import KubectlError
from ops.clients.session import Waited
from ops.cluster.errors import ClusterError
from ops.demo import chapters
from ops.demo.story import Story, console
from ops.deploying import DeployError, bring_up_cluster, build_images, install_chart, kubectl


def main() -> int:
    """Tell the story; 0 only if all of it held."""
    story = Story()
    try:
        story.chapter("A Kubernetes cluster: one control plane, two workers")
        bring_up_cluster()
        story.chapter("The images")
        build_images()
        story.chapter("The operator, an exchange simulator, PostgreSQL and Redis, by Helm")
        with story.step("helm upgrade --install trading charts/trading-session-operator"):
            install_chart()
        stand = kubectl()
        story.chapter("A TradingSession")
        session, leader = chapters.apply_session(story, stand)
        with exchange_in(stand) as exchange:
            story.chapter("It trades")
            chapters.watch_trading(story, session, leader)
            console.print(stand.run("get", "tsn"), end="")
            story.chapter("The leader's pod is deleted")
            chapters.hand_over(story, session, leader, exchange)
            story.chapter("What the exchange saw")
            chapters.judge_log(story, exchange, leader.epoch)
            story.chapter("The kill switch")
            chapters.kill(story, session, exchange)
            chapters.judge_log(story, exchange, leader.epoch)
            console.print(stand.run("get", "tsn"), end="")
        story.chapter("The cluster is still up. Try")
        chapters.what_next(story, session)
    except (DeployError, KubectlError, ClusterError, Waited) as error:
        story.broken.append(str(error))
    except KeyboardInterrupt:
        story.broken.append("stopped by Ctrl-C")
    return story.end()


sys.exit(main())
