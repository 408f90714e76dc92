package swiftlet.runtime;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;

/**
 * What a handler is told about the function and the invoke, as objects of the interfaces of
 * `com.amazonaws.services.lambda.runtime`. These come with the function's package, so they are not known here before the
 * function runs, and every version of them is served by the names of its methods.
 */
final class InvokeContext {
    static final String PACKAGE = "com.amazonaws.services.lambda.runtime.";
    static final String NAME = PACKAGE + "Context";

    private InvokeContext() {}

    /** @param type the `Context` interface */
    static Object make(Class<?> type, Invoke invoke, Map<String, String> environment, Log log) {
        Map<String, Object> values = new HashMap<>();
        values.put("getAwsRequestId", invoke.id());
        values.put("getLogGroupName", environment.get("AWS_LAMBDA_LOG_GROUP_NAME"));
        values.put("getLogStreamName", environment.get("AWS_LAMBDA_LOG_STREAM_NAME"));
        values.put("getFunctionName", environment.get("AWS_LAMBDA_FUNCTION_NAME"));
        values.put("getFunctionVersion", environment.get("AWS_LAMBDA_FUNCTION_VERSION"));
        values.put("getInvokedFunctionArn", invoke.functionARN());
        values.put("getMemoryLimitInMB",
                Integer.valueOf(environment.getOrDefault("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0")));
        values.put("getTenantId", invoke.tenantID());
        return proxy(type, (proxy, method, arguments) -> {
            switch (method.getName()) {
                case "getRemainingTimeInMillis":
                    return invoke.remainingMilliseconds();
                case "getLogger":
                    return logger(method.getReturnType(), log);
                case "getIdentity":
                    return identity(method.getReturnType(), invoke.identity());
                case "getClientContext":
                    return clientContext(method.getReturnType(), invoke.clientContext());
                default:
                    return values.get(method.getName());
            }
        });
    }

    /** @param type the `LambdaLogger` interface: `log(String|byte[])`, and the same with a `LogLevel` */
    static Object logger(Class<?> type, Log log) {
        return proxy(type, (proxy, method, arguments) -> {
            String level = arguments.length > 1 && arguments[1] != null ? arguments[1].toString() : Log.NO_LEVEL;
            if (arguments[0] instanceof byte[]) {
                log.write((byte[]) arguments[0]);
            } else {
                log.write(String.valueOf(arguments[0]), level);
            }
            return null;
        });
    }

    private static Object identity(Class<?> type, String json) {
        if (json == null) {
            return null;
        }
        Map<?, ?> members = (Map<?, ?>) Json.parse(json);
        Map<String, Object> values = new HashMap<>();
        values.put("getIdentityId", members.get("cognitoIdentityId"));
        values.put("getIdentityPoolId", members.get("cognitoIdentityPoolId"));
        return proxy(type, (proxy, method, arguments) -> values.get(method.getName()));
    }

    private static Object clientContext(Class<?> type, String json) {
        if (json == null) {
            return null;
        }
        Map<?, ?> members = (Map<?, ?>) Json.parse(json);
        return proxy(type, (proxy, method, arguments) -> {
            switch (method.getName()) {
                case "getCustom":
                    return texts(members.get("custom"));
                case "getEnvironment":
                    return texts(members.get("env"));
                default:
                    return client(method.getReturnType(), members.get("client"));
            }
        });
    }

    private static Map<String, String> texts(Object json) {
        if (!(json instanceof Map)) {
            return Collections.emptyMap();
        }
        Map<String, String> texts = new HashMap<>();
        ((Map<?, ?>) json).forEach((name, value) -> texts.put((String) name, value instanceof String
                ? (String) value : Writer.write(Mapper.read(value, Object.class))));
        return texts;
    }

    private static Object client(Class<?> type, Object json) {
        Map<String, String> values = texts(json);
        Map<String, String> names = Map.of(
                "getInstallationId", "installation_id", "getAppTitle", "app_title",
                "getAppVersionName", "app_version_name", "getAppVersionCode", "app_version_code",
                "getAppPackageName", "app_package_name");
        return json == null ? null
                : proxy(type, (proxy, method, arguments) -> values.get(names.getOrDefault(method.getName(), "")));
    }

    private static Object proxy(Class<?> type, InvocationHandler handler) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) ->
                method.getDeclaringClass() == Object.class ? ofObject(proxy, type, method, arguments)
                        : handler.invoke(proxy, method, arguments));
    }

    private static Object ofObject(Object proxy, Class<?> type, Method method, Object[] arguments) {
        switch (method.getName()) {
            case "equals":
                return proxy == arguments[0];
            case "hashCode":
                return System.identityHashCode(proxy);
            default:
                return type.getName() + "@" + Integer.toHexString(System.identityHashCode(proxy));
        }
    }
}
