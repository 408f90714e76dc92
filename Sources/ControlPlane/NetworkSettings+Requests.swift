import LambdaAPI
import MetadataStore

// What a function is attached to, in requests and answers. Which network its environments have for it is the worker's to
// say.
extension FunctionDefinition.NetworkSettings {
    /// The VPC that all subnets are said to be in: there is no other.
    private static let vpcID = "vpc-00000000"

    /// These settings with what a request changes; what it does not name stays. Two empty lists detach.
    static func updated(_ settings: Self?, by request: VpcConfig?) throws(LambdaError) -> Self? {
        guard let request else { return settings }
        let next = Self(
            subnetIDs: request.subnetIds ?? settings?.subnetIDs ?? [],
            securityGroupIDs: request.securityGroupIds ?? settings?.securityGroupIDs ?? [],
            allowsIPv6: request.ipv6AllowedForDualStack ?? settings?.allowsIPv6 ?? false
        )
        guard next.subnetIDs.isEmpty == next.securityGroupIDs.isEmpty else {
            throw .invalidParameterValue("SubnetIds and SecurityIds must coexist or be both empty list.")
        }
        return next
    }

    /// The settings as the API shows them.
    var response: VpcConfigResponse {
        VpcConfigResponse(
            subnetIds: subnetIDs,
            securityGroupIds: securityGroupIDs,
            vpcId: subnetIDs.isEmpty ? "" : Self.vpcID,
            ipv6AllowedForDualStack: allowsIPv6
        )
    }
}
