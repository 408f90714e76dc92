import FleetStatus
import LambdaAPI
import Testing

@testable import Frontend

struct FleetRouteTests {
    private static let root = "/swiftlet/2026-11-01"
    private static let locality = Locality(accountID: "000000000000", region: "us-east-1")

    private static func route(_ method: String, _ path: String) -> FleetRoute? {
        FleetRoute(isPost: method == "POST", isGet: method == "GET", root + path)
    }

    @Test func pathsAreReadWithTheirMethods() {
        #expect(Self.route("GET", "/fleet") == .report)
        #expect(Self.route("GET", "/functions/f%3A1/placement") == .placement(functionName: "f:1"))
        for order in WorkerOrder.allCases {
            #expect(Self.route("POST", "/fleet/workers/w-1/\(order.rawValue)") == .order(order, worker: "w-1"))
        }
    }

    @Test(arguments: [
        ("POST", "/fleet"), ("GET", "/fleet/"), ("GET", "/fleet/workers/w/drain"), ("POST", "/fleet/workers//drain"),
        ("POST", "/fleet/workers/w/x/drain"), ("POST", "/fleet/workers/w/explode"), ("POST", "/functions/f/placement"),
        ("GET", "/functions//placement"),
    ])
    func otherPathsAreNoneOfThem(method: String, path: String) {
        #expect(Self.route(method, path) == nil)
    }

    @Test func ordersAskForARightOfTheirOwn() {
        #expect(FleetRoute.order(.drain, worker: "w").demand(in: Self.locality).action == "swiftlet:OrderWorker")
        #expect(FleetRoute.report.demand(in: Self.locality).action == "lambda:GetAccountSettings")
        let placement = FleetRoute.placement(functionName: "f").demand(in: Self.locality)
        #expect(placement.action == "lambda:GetFunctionConfiguration")
        #expect(placement.resource == "arn:aws:lambda:us-east-1:000000000000:function:f")
    }
}
