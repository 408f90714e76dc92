package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;

/** A handler whose types are known from its superclass only. */
public class Typed extends TypedBase<Beans.Order, Map<String, Object>> {
    @Override
    protected Map<String, Object> answer(Beans.Order order, Context context) {
        return Map.of("class", order.getClass().getName(), "id", order.getId(), "request", context.getAwsRequestId());
    }
}

abstract class TypedBase<E, R> implements RequestHandler<E, R> {
    protected abstract R answer(E event, Context context);

    @Override
    public R handleRequest(E event, Context context) {
        return answer(event, context);
    }
}
