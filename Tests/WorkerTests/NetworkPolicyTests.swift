import LambdaAPI
import Sandbox
import Testing
import Worker

@Suite("Network policy")
struct NetworkPolicyTests {
    @Test(arguments: [
        // Attached to nothing: what the service gives to all.
        (SandboxNetwork.isolated, [], SandboxNetwork.isolated), (.internet, [], .internet),
        // Attached: what all of the subnets have, whatever the service gives to others.
        (.isolated, ["subnet-a"], .internet), (.internet, ["subnet-a", "subnet-b"], .internet),
        (.internet, ["subnet-c"], .isolated), (.internet, ["subnet-a", "subnet-c"], .isolated),
    ])
    func decides(unattached: SandboxNetwork, subnets: [String], expected: SandboxNetwork) {
        let policy = NetworkPolicy(unattached: unattached, internetSubnetIDs: ["subnet-a", "subnet-b"])
        #expect(policy.network(of: function(subnets: subnets)) == expected)
    }

    @Test func connectsNothingUnlessTold() {
        #expect(!NetworkPolicy().connectsAnything)
        #expect(NetworkPolicy().network(of: function(subnets: ["subnet-a"])) == .isolated)
        #expect(NetworkPolicy(unattached: .internet).connectsAnything)
        #expect(NetworkPolicy(internetSubnetIDs: ["subnet-a"]).connectsAnything)
    }

    private func function(subnets: [String]) -> InvocableFunction {
        InvocableFunction(
            configurationID: InvocableFunction.ConfigurationID("1"),
            locality: Locality(accountID: "000000000000", region: "us-east-1"),
            name: FunctionName("f"),
            version: .latest,
            runtime: "provided.al2023",
            handler: "handler",
            timeoutSeconds: 3,
            memoryMegabytes: 128,
            ephemeralStorageMegabytes: 512,
            environment: [:],
            codeHash: "",
            subnetIDs: subnets
        )
    }
}
