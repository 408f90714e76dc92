/// The small files of `/etc` that are the same in every sandbox, of whatever kind.
package enum SandboxFiles {
    /// The name that a sandbox has for itself; `/etc/hosts` knows it.
    package static let hostName = "sandbox"

    /// Where names are resolved: the gateway, which only sandboxes that may go out have a route to. In others every name is
    /// looked up in vain, at once.
    package static let nameServer = "169.254.78.1"

    /// The files' texts by their paths.
    package static let all = [
        "/etc/passwd": """
        root:x:0:0:root:/root:/sbin/nologin
        sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin

        """,
        // The function's group has no name, as on Lambda.
        "/etc/group": "root:x:0:\n",
        "/etc/hosts": "127.0.0.1 localhost\n127.0.0.1 \(hostName).localdomain \(hostName)\n",
        "/etc/resolv.conf": "nameserver \(nameServer)\noptions timeout:2 attempts:3\n",
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
        "/etc/host.conf": "multi on\n",
    ]
}
