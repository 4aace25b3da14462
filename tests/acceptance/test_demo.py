"""What a person sees in the first minute."""
import json
import re
import stat
import subprocess


def curl_of(output):
    return next(line for line in output.splitlines() if line.startswith("curl "))


def test_the_printed_curl_places_an_order(node):
    """The guide ends with a curl; pasted into a shell it places an order."""
    command = curl_of(node.make_demo())
    ran = subprocess.run(["bash", "-c", command + " -w '\\n%{http_code}'"], capture_output=True, text=True, timeout=60, check=True)
    body, status = ran.stdout.rsplit("\n", 1)
    assert status == "201", ran.stdout
    order = json.loads(body)
    assert order["state"] == "new" and order["order_id"].startswith("ORD")
    assert node.platform.order(order["order_id"])["order_id"] == order["order_id"]


def test_the_demo_is_made_once(node):
    """A second run of the demo makes nothing: same file, same tenants, the printed curl works again."""
    file = node.data / "demo.json"
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    people = node.platform.get("/users?limit=200").json()["data"]
    output = node.make_demo()
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert node.platform.get("/users?limit=200").json()["data"] == people
    assert re.search(r"gateway +" + re.escape(node.url), output)


def test_the_demo_file_holds_what_a_person_needs(node):
    """Two organizations, five users who can log in, six accounts; readable by its owner only."""
    file = node.data / "demo.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    demo = node.demo()
    assert demo["base_url"] == node.url
    assert sorted(user["role"] for user in demo["users"]) == ["platform_admin", "trader", "trader", "trader", "viewer"]
    assert len(demo["accounts"]) == 6
    assert len({account["organization_id"] for account in demo["accounts"]}) == 2
    for user in demo["users"]:
        me = node.log_in(user["email"], user["password"]).get("/auth/me").json()
        assert (me["user_id"], me["organization_id"]) == (user["user_id"], user["organization_id"])
        assert user["role"] in me["roles"]
